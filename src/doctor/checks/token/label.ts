import { tokenLabel as refusalsOf } from '../../../tracking/checks/token-label.js';
import type { Check } from '../../check.js';
import { asFindings, ofPresentToken, orFine } from '../../known.js';

export const tokenLabel: Check = {
  source: 'hsmonger.token',
  name: 'TokenLabel',
  about: "The token's label is one certmonger can use: no ':' and '/', no blank at the end.",
  run: (facts) =>
    ofPresentToken(facts, (token) =>
      orFine(
        asFindings(refusalsOf({ token }), 'error'),
        `certmonger can use the label '${token.description.label}'.`,
        token.description.label,
      ),
    ),
};
