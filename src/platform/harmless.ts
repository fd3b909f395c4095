// C0, DEL and C1 move a terminal's cursor or worse; the line and paragraph separators and the bidirectional controls make a line read as
// another.
const harmful = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** Text from outside (a nickname, a CA's message) as one line that cannot drive a terminal; what could is shown as \u{…}. */
export function harmless(text: string): string {
  return text.replace(harmful, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
