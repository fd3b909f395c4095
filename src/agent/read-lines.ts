import type { Readable } from 'node:stream';

/**
 * Whole lines of what a child says on its own descriptor; one that goes on for more than `maxLine` characters without an end is given up.
 */
export function readLines(
  stream: Readable,
  maxLine: number,
  { giveUp, onLine }: { readonly giveUp: (why: string) => void; readonly onLine: (text: string) => void },
): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('error', () => undefined);
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLine) giveUp('sent a line without an end');
    else lines.forEach(onLine);
  });
}
