import type { Check } from '../preflight.js';

/** certmonger reads a PIN from a file or keeps it in clear itself (pin.c; design rule 4). */
export const pinSource: Check = ({ instance }) =>
  instance.token === undefined || instance.token.pin.from === 'file' || !instance.certificates.some(({ storage }) => storage.kind === 'token')
    ? []
    : [{ check: 'pin-source', problem: `The PIN of instance '${instance.name}' comes from ${instance.token.pin.from === 'environment' ? 'an environment variable' : 'a systemd credential'}, and certmonger can read it from a file only.`, fix: `Put the PIN into a file that only '${instance.user}' can read and name it as 'token.pin-file' in ${instance.file}.` }];
