import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { ofPresentToken } from '../../known.js';

/** Only with --login, and by the rules of the PIN guard: a PIN that failed is never tried a second time (design rule 4). */
export const pinWorks: Check = {
  source: 'hsmonger.pin',
  name: 'PinWorks',
  about: 'The token takes the PIN; tried with --login only, and never again once it was refused.',
  run: (facts) =>
    ofPresentToken(facts, ({ description: { label: key } }, { login, pin }): Finding[] => {
      // PinSource tells.
      if (!pin.ok) return [];
      if (login === undefined) return [{ severity: 'success', key, message: 'The PIN was not tried: --login does.' }];
      if (login.ok) return [{ severity: 'success', key, message: `The token '${key}' takes the PIN.` }];
      const refused = login.code.startsWith('PIN_') && login.code !== 'PIN_UNANSWERED';
      return [
        {
          severity: refused ? 'critical' : 'error',
          key,
          message: login.problem,
          fix: refused
            ? "Write the right PIN into the instance's PIN source; until it changes nothing of ours tries it again. Stop certmonger meanwhile: it does try again."
            : 'See that the HSM is up and takes logins, then ask again.',
        },
      ];
    }),
};
