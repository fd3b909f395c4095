import { createInterface } from 'node:readline/promises';
import type { Io } from './io.js';

/** The terminal or pipes this process has. NO_COLOR is honoured when set to anything but the empty string (no-color.org). */
export function consoleIo(): Io {
  const noColour = process.env['NO_COLOR'];
  const plain = (noColour !== undefined && noColour !== '') || process.env['TERM'] === 'dumb';
  return {
    out: (text) => { process.stdout.write(text); },
    err: (text) => { process.stderr.write(text); },
    interactive: process.stderr.isTTY,
    colour: process.stdout.isTTY && !plain,
    ...(process.stdin.isTTY && process.stderr.isTTY ? { ask } : {}),
  };
}

async function ask(question: string): Promise<string> {
  // Questions are messages, not results: they go to stderr.
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await reader.question(question)).trim();
  } finally {
    reader.close();
  }
}
