import type { TokenCheck } from '../preflight.js';

/** A renewed certificate is written to the token; without that certmonger repeats its attempt for ever (certsave-n.c). */
export const tokenWritable: TokenCheck = ({ token: { description } }) =>
  description.writeProtected
    ? [
        {
          check: 'token-writable',
          problem: `The token '${description.label}' is write-protected, so a renewed certificate could not be saved on it.`,
          fix: 'Lift the write protection with the tools of the HSM.',
        },
      ]
    : [];
