import { HsmongerError } from '../errors.js';
import { nameBoundsFault } from './name-bounds.js';
import { nameFromText } from './name-text.js';

/**
 * The DER Name of a subject as an administrator writes it: RFC 4514, or openssl's /C=US/O=Example/CN=Example, where the first part is the least specific and a backslash
 * escapes (openssl-req(1), -subj). CONFIG_INVALID for what is no name, or none a certificate may hold.
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
  if (read !== text.length) throw new HsmongerError('CONFIG_INVALID', `The name '${text.slice(0, 80)}' ends in the middle of an escape; a backslash stands before the character it escapes.`);
  return pieces.filter((part) => part !== '').map(escaped).reverse().join(',');
}

/** What openssl takes as it is and RFC 4514 does not. */
function escaped(part: string): string {
  const bare = part.replace(/\\(.)/gsu, (_whole, character: string) => (/[ "#+,;<=>\\]/u.test(character) ? `\\${character}` : character));
  return bare.replace(/^([^=]*= *)#/u, '$1\\#').replace(/(\\.)|[",;<>]/gsu, (whole: string, kept: string | undefined) => kept ?? `\\${whole}`);
}
