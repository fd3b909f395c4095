import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { ofPresentToken } from '../../known.js';

/** From CK_TOKEN_INFO's flags (PKCS#11 2.40 §3.2): what the token itself says of failed logins, without trying one. */
export const tokenPinState: Check = {
  source: 'hsmonger.token',
  name: 'TokenPinState',
  about: "The token's flags tell of no failed login: not count-low, not final-try, not locked.",
  run: (facts) =>
    ofPresentToken(facts, ({ description: { label: key, pin } }): Finding[] => {
      const write = "write the right PIN into the instance's PIN source";
      switch (pin) {
        case 'fine':
          return [{ severity: 'success', key, message: `The token '${key}' tells of no failed login.` }];
        case 'count-low':
          return [
            {
              severity: 'warning',
              key,
              message: `A login to the token '${key}' has failed since the last good one (its flag count-low is set).`,
              fix: `Find out who tries a wrong PIN; ${write}, and see that it works with: hsmonger doctor --login.`,
            },
          ];
        case 'final-try':
          return [
            {
              severity: 'error',
              key,
              message: `The token '${key}' has one login attempt left before it locks.`,
              fix: `Stop certmonger, ${write}, and use the attempt up yourself: hsmonger token check --force.`,
            },
          ];
        case 'locked':
          return [
            {
              severity: 'critical',
              key,
              message: `The PIN of the token '${key}' is locked, so nothing can be signed or renewed.`,
              fix: `Unlock it as security officer (vendor's tool, or pkcs11-tool --init-pin), then ${write}.`,
            },
          ];
      }
    }),
};
