import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { ownKeys } from '../../own-keys.js';
import { orUnopened } from './unopened.js';

export const keySigns: Check = {
  source: 'hsmonger.keys',
  name: 'KeySigns',
  about: "Each key signs, and its certificate's public key verifies that; with --login only.",
  run: (facts) => {
    const keys = ownKeys(facts);
    const findings = keys.flatMap(({ nickname: key, proof }): Finding[] =>
      proof?.ok === false
        ? [
            {
              severity: 'critical',
              key,
              message: `The private key of '${key}' did not sign: ${proof.problem ?? 'the token gave no reason.'}`,
              fix: "Check the key's usage and the HSM's policy and log; hsmonger token check tries all keys again.",
            },
          ]
        : [],
    );
    return orUnopened(facts, keys.length, findings, 'has a key that signs');
  },
};
