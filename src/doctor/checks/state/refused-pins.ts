import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

export const refusedPins: Check = {
  source: 'hsmonger.state',
  name: 'RefusedPins',
  about: 'No PIN file was moved aside because its PIN is wrong.',
  run: ({ state, instance }) =>
    known(state, (facts) =>
      orFine(
        facts.refusedPins.map((file): Finding => ({ severity: 'error', key: file, message: `The PIN file of this instance was moved to ${file}, because the token refused its PIN and certmonger would have tried it again and again.`, fix: `Write the right PIN into ${instance.token?.pin.from === 'file' ? instance.token.pin.path : 'the PIN file'}, readable by '${instance.user}' alone, and remove ${file}.` })),
        'No PIN was refused and moved aside.',
        'pin-file',
      ),
    ),
};
