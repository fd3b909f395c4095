import path from 'node:path';
import * as v from 'valibot';
import { HsmongerError } from '../../errors.js';
import { profileNames } from '../profile-names.js';

/** Names that end in certmonger's command lines and request ids (design rule 12). */
export const identifier = /^[A-Za-z0-9][A-Za-z0-9._-]*$/u;

export const text = v.pipe(v.string(), v.nonEmpty('must not be empty'));
export const absolute = v.pipe(
  text,
  v.check((value) => path.isAbsolute(value), 'must be an absolute path'),
  v.check((value) => !/[\0\n\r]/u.test(value), 'must not hold line breaks'),
);
/**
 * NSS and certmonger write "token:nickname", and trim: with a colon or a blank at an end, what is saved under the nickname is not found
 * again.
 */
export const nickname = v.pipe(
  text,
  v.check((value) => !value.includes(':'), "must not hold ':'; give the certificate object another label"),
  v.check((value) => value.trim() === value, 'must not begin or end with a blank; give the certificate object another label'),
  v.check((value) => !/\p{Cc}/u.test(value), 'must not hold control characters; give the certificate object another label'),
);
export const count = v.pipe(v.number(), v.integer('must be a whole number'), v.minValue(0, 'must not be negative'));
export const days = v.pipe(
  v.number(),
  v.integer('must be whole days'),
  v.minValue(1, 'must be at least 1 day'),
  v.maxValue(36525, 'must be at most a century'),
);
export const profile = v.picklist(
  profileNames,
  ({ input }) => `must be a profile (${profileNames.join(', ')}), not ${JSON.stringify(input)}`,
);
export const hostName = v.pipe(text, v.regex(/^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/u, 'must be a host name'));
export const unit = v.pipe(text, v.regex(/^[A-Za-z0-9:_.\\@-]+$/u, 'must be the name of a systemd unit'));

/** What is wrong at one key, as the sentence every reader of an instance file gives. */
export function wrong(file: string, where: string, what: string): HsmongerError {
  return new HsmongerError('CONFIG_INVALID', `In ${file}: '${where}' ${what}.`);
}
