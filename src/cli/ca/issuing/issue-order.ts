import { profileOfWord } from '../../../config/profile-words.js';
import { HsmongerError } from '../../../errors.js';
import type { OrderInput } from '../../../service/tasks/ca/issue-certificates.js';
import { usagesFromText } from '../../../x509/extensions/usage-text.js';
import { generalNameFromText } from '../../../x509/names/general-name-text.js';
import { nameConstraintFromText } from '../../../x509/names/name-constraint-text.js';
import { subjectFromText } from '../../../x509/names/subject-text.js';

/** What is said of the certificates on the command line. */
export interface OrderOptions {
  readonly profile: string;
  readonly subject: string | undefined;
  readonly san: readonly string[] | undefined;
  readonly eku: readonly string[] | undefined;
  readonly days: number | undefined;
  readonly pathLength: number | undefined;
  readonly permit: readonly string[] | undefined;
  readonly exclude: readonly string[] | undefined;
  readonly again: boolean;
}

/** The order the flags stand for, `now` naming a wish for another certificate; USAGE or CONFIG_INVALID for what is none. */
export function orderFromOptions(
  { profile, subject, san, eku, days, pathLength, permit = [], exclude = [], again }: OrderOptions,
  now: Date,
): OrderInput {
  const name = profileOfWord(profile);
  if (name !== 'caCACert' && (pathLength !== undefined || permit.length + exclude.length > 0))
    throw new HsmongerError('USAGE', '--path-length, --permit and --exclude are for CAs: --profile sub-ca.');
  return {
    profile: name,
    ...(subject === undefined ? {} : { subject: subjectFromText(subject) }),
    ...(san === undefined ? {} : { names: san.map(generalNameFromText) }),
    ...(eku === undefined ? {} : { extendedKeyUsage: usagesFromText(eku.join(',')) }),
    ...(days === undefined ? {} : { days }),
    ...(pathLength === undefined ? {} : { pathLength }),
    ...(permit.length + exclude.length === 0
      ? {}
      : { nameConstraints: { permitted: permit.map(nameConstraintFromText), excluded: exclude.map(nameConstraintFromText) } }),
    ...(again ? { again: now.toISOString() } : {}),
  };
}
