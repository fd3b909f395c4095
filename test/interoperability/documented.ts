import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The cells of docs/interoperability.md's first table, by the first cell of their row. */
export function documented(): Map<string, string[]> {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/interoperability.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('|')).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
  return new Map(rows.map(([name = '', ...cells]) => [name, cells]));
}
