import type { InternalFacts } from '../facts.js';
import type { Evidence, Refusal } from '../preflight.js';

/** What lies in the internal database is opened with its own password, by certmonger from a file (pin.c). */
export function internalPassword({
  instance,
  nss: { internal },
}: {
  readonly instance: Evidence['instance'];
  readonly nss: { readonly internal?: Pick<InternalFacts, 'description'> };
}): Refusal[] {
  return internal?.description.loginRequired !== true || instance.nss.passwordFile !== undefined
    ? []
    : [
        {
          check: 'internal-password',
          problem: `The NSS database ${instance.nss.database} has a password of its own, and ${instance.file} does not say where it is kept.`,
          fix: `Put it, one line, into a file that only '${instance.user}' can read and name it as 'nss.password-file'.`,
        },
      ];
}
