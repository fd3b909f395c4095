import { HsmongerError } from '../../errors.js';
import { nameBoundsFault } from './name-bounds.js';
import { nameFromText } from './name-text.js';

/**
 * The DER Name of a subject as an administrator writes it: RFC 4514, or openssl's /C=US/O=Example/CN=Example, where the first part is the
 * least specific and a backslash escapes (openssl-req(1), -subj). CONFIG_INVALID for what is no name, or none a certificate may hold.
 */
export function subjectFromText(text: string): Uint8Array {
  const name = nameFromText(text.startsWith('/') ? fromSlashes(text) : text);
  const fault = nameBoundsFault(name);
  if (fault !== undefined) throw new HsmongerError('CONFIG_INVALID', `The name '${text.slice(0, 80)}' ${fault}.`);
  return name;
}

const piece = /\/((?:\\.|[^/\\])*)/gsuy;

/** As RFC 4514 writes it. A '+' joins attributes in both. */
function fromSlashes(text: string): string {
  const pieces: string[] = [];
  let read = 0;
  for (const match of text.matchAll(piece)) {
    read += match[0].length;
    pieces.push(match[1] ?? '');
  }
  if (read !== text.length)
    throw new HsmongerError(
      'CONFIG_INVALID',
      `The name '${text.slice(0, 80)}' ends in the middle of an escape; a backslash stands before the character it escapes.`,
    );
  // One slash may end it; openssl takes what an empty part elsewhere makes of the next one for an attribute it does not know, and leaves
  // that out.
  if (pieces.at(-1) === '') pieces.pop();
  if (pieces.includes(''))
    throw new HsmongerError(
      'CONFIG_INVALID',
      `The name '${text.slice(0, 80)}' has two slashes in a row, with nothing between them; a slash in a value is written '\\/'.`,
    );
  return pieces.map(escaped).reverse().join(',');
}

/** What openssl takes as it is and RFC 4514 does not: a few signs, and blanks at the ends of a value. */
function escaped(part: string): string {
  const bare = part.replace(/\\(.)/gsu, (_whole, character: string) => (/[ "#+,;<=>\\]/u.test(character) ? `\\${character}` : character));
  const signs = bare
    .replace(/^([^=]*= *)#/u, '$1\\#')
    .replace(/(\\.)|[",;<>]/gsu, (whole: string, kept: string | undefined) => kept ?? `\\${whole}`);
  const [, type = '', front = '', middle = '', back = ''] = /^([^=]*=)?( *)(.*?)( *)$/su.exec(signs) ?? [];
  // Where a backslash stands before it, the first of the blanks behind is escaped already.
  const [done, rest] = /(?:^|[^\\])(?:\\\\)*\\$/u.test(middle) ? [back.slice(0, 1), back.slice(1)] : ['', back];
  return `${type}${front.replaceAll(' ', '\\ ')}${middle}${done}${rest.replaceAll(' ', '\\ ')}`;
}
