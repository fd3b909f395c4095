import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The cells of the table of docs/interoperability.md with this head in its first column, by the first cell of their row. */
export function documented(head: string): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(rowsOf(head).map(([name = '', ...cells]) => [name, cells]));
}

/** The same of the table of signatures: what each judge says of each subject, by the way they are signed. */
export function documentedVerdicts(): Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> {
  const found: Record<string, Record<string, readonly string[]>> = {};
  for (const [name = '', what = '', ...cells] of rowsOf('signed with')) found[name] = { ...found[name], [what]: cells };
  return found;
}

function rowsOf(head: string): string[][] {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/interoperability.md'), 'utf8');
  const [, table = ''] = page.split(new RegExp(`^(?=\\| ${head} \\|)`, 'mu'));
  const [lines = ''] = table.split(/\n(?!\|)/u);
  return lines
    .split('\n')
    .filter((line) => !line.startsWith('|--'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
