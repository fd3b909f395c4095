/** Longer than Dogtag's own messages; certmonger shows one line. */
const maxLength = 300;

/** What a server said, fit for a message of ours: one line, printable, bounded, without a full stop at its end. */
export function serverWords(text: string): string {
  const line = text
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .replace(/\.+$/u, '');
  return line.length > maxLength ? `${line.slice(0, maxLength)}…` : line;
}
