import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The wall clock of single Node.js processes: Date runs ahead, what is monotonic does not. */
export interface ShiftedClock {
  /** For NODE_OPTIONS. */
  readonly option: string;
  /** Milliseconds ahead of the machine's; noticed within a fifth of a second. */
  readonly shift: (ms: number) => void;
}

const preload = (file: string) => `const { readFileSync } = require('node:fs');
const Real = Date;
let ahead = 0;
let readAt = -Infinity;
function shift() {
  if (performance.now() - readAt > 200) {
    readAt = performance.now();
    ahead = Number(readFileSync(${JSON.stringify(file)}, 'utf8'));
  }
  return ahead;
}
globalThis.Date = class Date extends Real {
  constructor(...parts) {
    if (parts.length === 0) super(Real.now() + shift());
    else super(...parts);
  }
  static now() { return Real.now() + shift(); }
  static [Symbol.hasInstance](value) { return value instanceof Real; }
};
`;

export function createShiftedClock(directory: string): ShiftedClock {
  const file = path.join(directory, 'clock-ahead');
  const script = path.join(directory, 'shifted-clock.cjs');
  writeFileSync(script, preload(file));
  const shift = (ms: number) => {
    writeFileSync(`${file}.new`, String(ms), { mode: 0o644 });
    renameSync(`${file}.new`, file);
  };
  shift(0);
  return { option: `--require=${script}`, shift };
}
