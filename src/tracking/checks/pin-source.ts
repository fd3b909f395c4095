import { pinPathOf } from '../../config/token-of.js';
import type { Check } from '../preflight.js';

/** certmonger reads a PIN from a file or keeps it in clear itself (pin.c; design rule 4). */
export const pinSource: Check = ({ instance }) =>
  instance.token === undefined ||
  pinPathOf(instance.token.pin) !== undefined ||
  !instance.certificates.some(({ storage }) => storage.kind === 'token')
    ? []
    : [
        {
          check: 'pin-source',
          problem: `The PIN of instance '${instance.name}' comes from an environment variable, and certmonger can read it from a file only.`,
          fix: `Put the PIN into a file that only '${instance.user}' can read and name it as 'token.pin-file' in ${instance.file}, or keep it off the disk with 'token.pin-unlock'.`,
        },
      ];
