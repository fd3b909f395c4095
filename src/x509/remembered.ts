/** More than one run of the helper asks about, few enough for a process that runs for months. */
const entries = 32;

/**
 * The same few certificates, keys and names are asked about again and again while one certificate is issued and checked, and decoding
 * them is most of that work: the answers to the last ones are kept. For functions of nothing but the bytes; what throws is not kept.
 */
export function remembered<T>(compute: (bytes: Uint8Array) => T): (bytes: Uint8Array) => T {
  const answers = new Map<string, { readonly answer: T }>();
  return (bytes) => {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const known = answers.get(key);
    if (known !== undefined) return known.answer;
    const answer = compute(bytes);
    const [oldest] = answers.keys();
    if (answers.size >= entries && oldest !== undefined) answers.delete(oldest);
    answers.set(key, { answer });
    return answer;
  };
}
