/** What several commands' flags have in common: their declarations, and what makes a value of the words typed. */
import path from 'node:path';
import { howToConvert } from '../config/dbm.js';
import { HsmongerError } from '../errors.js';

/** For `coerce`: a path the user typed, made absolute; certmonger and the service user have another working directory. */
export function absolutePath(value: string | undefined): string | undefined {
  return value === undefined ? undefined : path.resolve(value);
}

/** For `coerce`: KEY=VALUE words. */
export function keyValues(flag: string): (words: readonly string[] | undefined) => Record<string, string> | undefined {
  return (words) => {
    if (words === undefined) return undefined;
    return Object.fromEntries(
      words.map((word) => {
        const at = word.indexOf('=');
        if (at < 1) throw new HsmongerError('USAGE', `--${flag} wants KEY=VALUE, not '${word}'.`);
        return [word.slice(0, at), word.slice(at + 1)];
      }),
    );
  };
}

/** For `coerce`: a whole number within bounds, at most 9 999 999; yargs' own number type takes 'abc' as NaN. */
export function wholeNumber(flag: string, least: number, most: number): (value: string | undefined) => number | undefined {
  return (value) => {
    if (value === undefined) return undefined;
    const number = /^\d{1,7}$/u.test(value) ? Number(value) : NaN;
    if (!(number >= least && number <= most))
      throw new HsmongerError('USAGE', `--${flag} wants a number from ${String(least)} to ${String(most)}, not '${value}'.`);
    return number;
  };
}

/** For `coerce`: where an NSS database is, without NSS' prefix; NSS_UNSUPPORTED for a dbm: one, here as in an instance file. */
export function databaseDirectory(value: string | undefined): string | undefined {
  if (value?.startsWith('dbm:') === true)
    throw new HsmongerError(
      'NSS_UNSUPPORTED',
      `${value} is a dbm: database, which NSS is giving up; ${howToConvert(value.replace(/^dbm:/u, ''))}.`,
    );
  return absolutePath(value?.replace(/^sql:/u, ''));
}

const word = { type: 'string', requiresArg: true } as const;

/** A file or directory. */
export const pathFlag = { ...word, coerce: absolutePath } as const;

/** Where a command's result goes. */
export const outFlag = { ...pathFlag, describe: 'File to write, which must not be there yet [standard output]' } as const;

/** A certificate's. */
export const nicknameFlag = { ...word, alias: 'n' } as const;

export const databaseFlag = { ...word, alias: 'd', coerce: databaseDirectory, describe: 'NSS database' } as const;

export const waitFlag = (describe: string) => ({ ...word, coerce: wholeNumber('wait', 0, 9_999_999), alias: 'w', describe }) as const;

/** What moduleFlags give. */
export interface TokenFlags {
  readonly module: string | undefined;
  readonly token: string | undefined;
  readonly pinFile: string | undefined;
  readonly user: string | undefined;
  readonly moduleEnv: Record<string, string> | undefined;
  readonly moduleParameters: string | undefined;
}

/** Which token, and as whom, where no instance file says it. */
export const moduleFlags = {
  module: { ...pathFlag, describe: 'PKCS#11 module' },
  token: { ...word, alias: 't', describe: 'Exact label or URI of the token' },
  'pin-file': { ...pathFlag, alias: 'p', describe: 'File with the PIN in its first line' },
  user: { ...word, describe: 'Service user, who must exist [pkiuser]' },
  'module-env': {
    ...word,
    array: true,
    coerce: keyValues('module-env'),
    describe: 'KEY=VALUE set before the module is loaded, repeatable',
  },
  'module-parameters': { ...word, describe: 'What the module wants in C_Initialize, as NSS softokn does' },
} as const;
