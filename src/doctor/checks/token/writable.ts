import type { Check } from '../../check.js';
import { ofPresentToken } from '../../known.js';

export const tokenWritable: Check = {
  source: 'hsmonger.token',
  name: 'TokenWritable',
  about: 'The token is not write-protected: renewed certificates are stored on it.',
  run: (facts) =>
    ofPresentToken(facts, ({ description: { label, writeProtected } }) =>
      writeProtected
        ? [
            {
              severity: 'error',
              key: label,
              message: `The token '${label}' is write-protected, so certmonger cannot save a renewed certificate there and would try for ever.`,
              fix: "Take the write protection off with the vendor's tool.",
            },
          ]
        : [{ severity: 'success', key: label, message: `The token '${label}' can be written.` }],
    ),
};
