import type { Check } from '../../check.js';
import type { DoctorFacts } from '../../facts.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

/** One check of the doctor's from pre-flight's checks of these names: what speaks against handing keys to certmonger speaks against leaving them there. */
function ofPreflight(about: Pick<Check, 'name' | 'about'>, checks: ReadonlySet<string>, fine: string): Check {
  return {
    source: 'hsmonger.tracking',
    ...about,
    run: ({ certmonger }: DoctorFacts) =>
      known(certmonger, ({ tracking }) =>
        known(tracking, ({ refusals }) =>
          orFine(
            refusals.filter(({ check }) => checks.has(check)).map(({ check, nickname = check, problem, fix }): Finding => ({ severity: 'error', key: nickname, message: problem, fix })),
            fine,
          ),
        ),
      ),
  };
}

export const helperRegistered = ofPreflight({ name: 'HelperRegistered', about: 'certmonger runs this helper for this instance, and it answers in the environment certmonger gives it.' }, new Set(['helper-runs', 'ca-registered']), 'The CA helper is registered and answers.');

export const noForeignRequests = ofPreflight({ name: 'NoForeignRequests', about: 'No request of somebody else works on the same key or certificate, has our id, or would delete ours when it saves.' }, new Set(['foreign-requests']), 'No request of somebody else is in the way.');

/** The others are about the token or settings, which have checks of their own. */
export const keysSafe = ofPreflight({ name: 'KeysSafe', about: 'certmonger finds each key by what it looks for, and saving one certificate deletes no other.' }, new Set(['key-id', 'key-kind', 'subjects', 'certificate-labels', 'pin-source', 'internal-password', 'file-owner', 'token-visible', 'token-listed', 'token-login', 'token-label', 'token-writable']), 'certmonger can work with the keys and loses none.');
