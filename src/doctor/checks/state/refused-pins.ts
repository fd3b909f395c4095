import type { Check } from '../../check.js';
import type { RefusedPin } from '../../facts/state.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

export const refusedPins: Check = {
  source: 'hsmonger.state',
  name: 'RefusedPins',
  about: 'No PIN file was moved aside because its PIN is wrong.',
  run: ({ state, instance }) =>
    known(state, (facts) =>
      orFine(
        facts.refusedPins.map((pin) => finding(pin, instance.user)),
        'No PIN was refused and moved aside.',
        'pin-file',
      ),
    ),
};

function finding({ file, aside, replaced }: RefusedPin, user: string): Finding {
  if (replaced)
    return {
      severity: 'warning',
      key: aside,
      message: `There is another PIN in ${file} now, and the one the token refused still lies in ${aside}.`,
      fix: `See that the new one works (hsmonger doctor --login), then remove the other: rm '${aside}'.`,
    };
  return {
    severity: 'error',
    key: aside,
    message: `The PIN file of this instance was moved to ${aside}, because the token refused its PIN and certmonger would have tried it again and again.`,
    fix: `Write the right PIN into ${file}, readable by '${user}' alone; the agent tries it once.`,
  };
}
