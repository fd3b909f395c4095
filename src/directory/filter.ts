/** RFC 4515 filters, made of parts: what a value holds never changes what a filter means. */
export type Filter = string;

/** Attribute descriptions are our own words, but a slip here would be a hole: letters, digits, hyphens, options (RFC 4512 §2.5). */
const description = /^[A-Za-z][A-Za-z0-9-]*(?:;[A-Za-z0-9-]+)*$/u;

export function equals(attribute: string, value: string): Filter {
  return `(${checked(attribute)}=${escaped(value)})`;
}

export function startsWith(attribute: string, value: string): Filter {
  return `(${checked(attribute)}=${escaped(value)}*)`;
}

export function present(attribute: string): Filter {
  return `(${checked(attribute)}=*)`;
}

export function and(...filters: readonly Filter[]): Filter {
  return `(&${filters.join('')})`;
}

export function or(...filters: readonly Filter[]): Filter {
  return `(|${filters.join('')})`;
}

/** Whether a word is an attribute description, options included. */
export function isAttribute(word: string): boolean {
  return description.test(word);
}

function checked(attribute: string): string {
  if (!isAttribute(attribute)) throw new TypeError(`${JSON.stringify(attribute)} is no attribute description`);
  return attribute;
}

/** RFC 4515 §3: these, and control characters. No octets of longer characters: ldapts 8.2.0 makes a character of each. */
function escaped(value: string): string {
  return value.replace(/[*()\\\0-\x1f\x7f]/gu, (character) => `\\${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
