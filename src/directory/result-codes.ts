import { HsmongerError, sentenceOf, type ErrorCode } from '../errors.js';

/** RFC 4511 appendix A, the ones that mean something of their own to us. */
export const noSuchObject = 32;
const changed = new Set([16, 20, 68]);
const refused = new Set([7, 8, 12, 13, 14, 48, 49, 50, 53]);
/** timeLimitExceeded, busy, unavailable; 0x51 and up are OpenLDAP's own words for a server that is gone or silent. */
const unavailable = new Set([3, 51, 52, 0x51, 0x52, 0x55, 0x5b]);

const cures: Partial<Record<ErrorCode, string>> = {
  DIRECTORY_UNAVAILABLE: 'It is tried again.',
  DIRECTORY_REFUSED: 'Check directory.bind in the instance file and what that identity may do.',
  DIRECTORY_CHANGED: 'Somebody else was quicker; read and decide again.',
};

/** What a result code means for us. `what` is what was tried, on what: "reading cn=x,dc=example". */
export function failureOf(resultCode: number, what: string, said: string, cause?: unknown): HsmongerError {
  const code = codeOf(resultCode);
  const words = said
    .replace(/\s+/gu, ' ')
    .replace(/\s*Code: 0x[0-9a-f]+$/iu, '')
    .replace(/\.$/u, '')
    .trim();
  return new HsmongerError(
    code,
    `The directory ${code === 'DIRECTORY_UNAVAILABLE' ? 'cannot serve' : 'refused'} ${what}: ${words === '' ? '' : `${words} `}(LDAP result ${String(resultCode)}). ${cures[code] ?? 'Look at that entry.'}`,
    { cause },
  );
}

/** A connection that failed or broke, in whatever words the system has. */
export function lost(what: string, cause: unknown): HsmongerError {
  return new HsmongerError(
    'DIRECTORY_UNAVAILABLE',
    `The directory did not answer ${what}: ${sentenceOf(cause).replace(/\.$/u, '')}. ${cures.DIRECTORY_UNAVAILABLE ?? ''}`,
    { cause },
  );
}

function codeOf(resultCode: number): ErrorCode {
  if (changed.has(resultCode)) return 'DIRECTORY_CHANGED';
  if (refused.has(resultCode)) return 'DIRECTORY_REFUSED';
  return unavailable.has(resultCode) ? 'DIRECTORY_UNAVAILABLE' : 'DIRECTORY_INVALID';
}
