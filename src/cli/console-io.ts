import { createInterface } from 'node:readline/promises';
import { HsmongerError } from '../errors.js';
import type { Io } from './io.js';

/** The terminal or pipes this process has. NO_COLOR is honoured when set to anything but the empty string (no-color.org). */
export function consoleIo(): Io {
  const noColour = process.env['NO_COLOR'];
  const plain = (noColour !== undefined && noColour !== '') || process.env['TERM'] === 'dumb';
  return {
    out: (text) => {
      process.stdout.write(text);
    },
    err: (text) => {
      process.stderr.write(text);
    },
    interactive: process.stderr.isTTY,
    colour: process.stdout.isTTY && !plain,
    ...(process.stdin.isTTY && process.stderr.isTTY ? { ask, askSecret } : {}),
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

const key = { interrupt: 0x03, end: 0x04, backspace: 0x08, delete: 0x7f } as const;

/** Raw mode: the terminal echoes nothing, and no line editor keeps a history. */
async function askSecret(question: string): Promise<Buffer> {
  const { stdin, stderr } = process;
  // First: what is typed at once must not be seen either.
  stdin.setRawMode(true);
  stderr.write(question);
  const typed: number[] = [];
  try {
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      for (const byte of chunk as Buffer) {
        if (byte === 0x0d || byte === 0x0a || byte === key.end) return Buffer.from(typed);
        if (byte === key.interrupt) throw new HsmongerError('USAGE', 'Interrupted; nothing was changed.');
        if (byte === key.backspace || byte === key.delete) removeCharacter(typed);
        else typed.push(byte);
      }
    }
    return Buffer.from(typed);
  } finally {
    typed.fill(0);
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}

/** The last one, all its octets (RFC 3629 §3). */
function removeCharacter(typed: number[]): void {
  while (((typed.pop() ?? 0) & 0xc0) === 0x80);
}
