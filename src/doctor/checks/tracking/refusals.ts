import type { Instance } from '../../../config/instance.js';
import type { Refusal } from '../../../tracking/preflight.js';
import { clashChecks } from '../../../tracking/clashes.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { asFindings, known, orFine } from '../../known.js';

/** A check of the doctor's from some of pre-flight's: what speaks against handing keys to certmonger speaks against leaving them there. */
function ofPreflight(
  about: Pick<Check, 'name' | 'about'>,
  concerns: (refusal: Refusal, instance: Instance) => boolean,
  fine: string,
): Check {
  return {
    source: 'hsmonger.tracking',
    ...about,
    run: ({ certmonger, instance }) =>
      known(certmonger, ({ tracking }) =>
        known(tracking, ({ refusals }) =>
          orFine(
            asFindings(
              refusals.filter((refusal) => concerns(refusal, instance)),
              'error',
            ),
            fine,
          ),
        ),
      ),
  };
}

const named =
  (...names: readonly string[]) =>
  ({ check }: Refusal) =>
    names.includes(check);

export const helperRegistered = ofPreflight(
  {
    name: 'HelperRegistered',
    about: 'certmonger runs this helper for this instance, and it answers in the environment certmonger gives it.',
  },
  named('helper-runs', 'ca-registered'),
  'The CA helper is registered and answers.',
);

export const noForeignRequests = ofPreflight(
  {
    name: 'NoForeignRequests',
    about: 'No request of somebody else works on the same key or certificate, has our id, or would delete ours when it saves.',
  },
  named('foreign-requests'),
  'No request of somebody else is in the way.',
);

/** What instances of one host do to each other; that their PIN files differ keeps nothing from working today. */
export const instancesApart: Check = {
  source: 'hsmonger.tracking',
  name: 'InstancesApart',
  about: 'No other instance of this host renews the same certificates, issues with the same CA, or needs another module of one name.',
  run: ({ certmonger }) =>
    known(certmonger, ({ tracking }) =>
      known(tracking, ({ refusals, warnings }) => {
        const apart = asFindings(refusals.filter(named(...clashChecks)), 'error');
        const pins = warnings
          .filter(({ check }) => check === 'pin-files')
          .map(({ problem }): Finding => ({
            severity: 'warning',
            key: 'pin-files',
            message: problem,
            fix: "Let both instances name one PIN file, or change the PIN with 'hsmonger token change-pin' alone.",
          }));
        return orFine([...apart, ...pins], 'No other instance is in the way.');
      }),
    ),
};

/** The others of pre-flight are about token and NSS database, which have checks of their own. */
export const keysTrackable = ofPreflight(
  {
    name: 'KeysTrackable',
    about: 'certmonger can be told of each key: of its kind, where it is, who owns its files, and a file with its PIN.',
  },
  (refusal, { certificates }) =>
    named('key-kind', 'pin-source', 'file-owner', 'token-login')(refusal) ||
    (refusal.check === 'key-proven' &&
      certificates.some(({ nickname, storage }) => nickname === refusal.nickname && storage.kind === 'file')),
  'certmonger can be told of every key.',
);
