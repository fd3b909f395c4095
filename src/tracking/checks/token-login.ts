import type { TokenCheck } from '../preflight.js';

/** certmonger takes a PIN that was not needed for an error (keyiread-n.c:263), and stops. */
export const tokenLogin: TokenCheck = ({ token: { description } }) =>
  description.loginRequired
    ? []
    : [
        {
          check: 'token-login',
          problem: `The token '${description.label}' needs no login, and certmonger fails where it is given a PIN that is not needed.`,
          fix: "Make the token ask for its PIN (with the HSM's tools), or keep these certificates away from certmonger.",
        },
      ];
