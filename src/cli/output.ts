import { inspect } from 'node:util';
import { harmless } from '../platform/harmless.js';
import type { Io } from './io.js';

export { harmless };

type Style = 'red' | 'yellow' | 'green' | 'bold' | 'dim';

/** One cell of a table; the style shows only where colour does. */
export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Columns with two blanks between them, the last one unpadded; nothing when there are no rows. */
export function columns(header: readonly string[], rows: readonly (readonly Cell[])[], colour: boolean): string {
  if (rows.length === 0) return '';
  const lines = [header.map((text): Cell => ({ text, style: 'bold' })), ...rows].map((cells) =>
    cells.map((cell) => ({ ...cell, text: harmless(cell.text) })),
  );
  const widths = header.map((_title, index) => Math.max(...lines.map((cells) => widthOf(cells[index]?.text ?? ''))));
  return lines
    .map((cells) =>
      cells
        .map(
          (cell, index) =>
            painted(cell, colour) + (index === cells.length - 1 ? '' : ' '.repeat((widths[index] ?? 0) - widthOf(cell.text) + 2)),
        )
        .join('')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

export function painted({ text, style }: Cell, colour: boolean): string {
  // Not util.styleText: its own look at stdout knows nothing of --no-color.
  const codes = colour && style !== undefined && text !== '' ? inspect.colors[style] : undefined;
  return codes === undefined ? text : `\u001b[${String(codes[0])}m${text}\u001b[${String(codes[1])}m`;
}

/** JSON for a program to read, safe on a terminal too: C1 controls, which JSON.stringify leaves alone, are escaped. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2).replace(/[\u007f-\u009f\u2028\u2029]/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}

/** A line that is written over while somebody waits; silent where nobody looks. */
export function progressLine(io: Io): { readonly show: (text: string) => void; readonly clear: () => void } {
  if (!io.interactive) return { show: () => undefined, clear: () => undefined };
  return {
    show: (text) => {
      io.err(`\r\u001b[K${harmless(text)}`);
    },
    clear: () => {
      io.err('\r\u001b[K');
    },
  };
}

function widthOf(text: string): number {
  return Array.from(text.replace(/\p{M}/gu, '')).reduce((sum, character) => sum + (wide.test(character) ? 2 : 1), 0);
}

/** A word of a command line that a person may paste into a shell. */
export function shellWord(word: string): string {
  return /^[\w./:@=+-]+$/u.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
