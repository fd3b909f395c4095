/**
 * What goes between the parent and the process that has dropped: JSON, with byte strings and dates marked. Not V8's own serialisation: the
 * parent is root, and what comes back is made by a process that is not.
 */
export function encode(value: unknown): string {
  return JSON.stringify(marked(value));
}

export function decode(text: string): unknown {
  return unmarked(JSON.parse(text));
}

const bytesMark = '$bytes';
const dateMark = '$date';

function marked(value: unknown): unknown {
  if (value instanceof Uint8Array) return { [bytesMark]: Buffer.from(value).toString('base64') };
  if (value instanceof Date) return { [dateMark]: value.getTime() };
  if (Array.isArray(value)) return value.map(marked);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, marked(part)]));
  return value;
}

function unmarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== 'object' || value === null) return value;
  const entries: [string, unknown][] = Object.entries(value);
  const [only] = entries;
  if (only !== undefined && entries.length === 1) {
    const [mark, content] = only;
    if (mark === bytesMark && typeof content === 'string') return new Uint8Array(Buffer.from(content, 'base64'));
    if (mark === dateMark && typeof content === 'number') return new Date(content);
  }
  return Object.fromEntries(entries.map(([key, part]) => [key, unmarked(part)]));
}
