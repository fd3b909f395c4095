import { tokenVisible as refusalsOf } from '../../../tracking/checks/token-visible.js';
import type { Check } from '../../check.js';
import { asFindings, ofPresentToken, orFine } from '../../known.js';

export const tokenVisible: Check = {
  source: 'hsmonger.token',
  name: 'TokenVisible',
  about: "certmonger's own children, whose environment is empty, see the token too: as root, and as the service user.",
  run: (facts) =>
    ofPresentToken(facts, (token, { daemon }) => {
      const { label } = token.description;
      if (!daemon.known)
        return [
          {
            severity: 'warning',
            key: label,
            message: `Whether certmonger's children see the token '${label}' could not be asked: ${daemon.why}`,
            fix: 'Start certmonger (systemctl start certmonger) and ask again.',
          },
        ];
      const seen = { instance: facts.instance, token: { ...token, keys: [] }, daemon: daemon.value };
      return orFine(asFindings(refusalsOf(seen), 'error'), `certmonger's children see the token '${label}'.`, label);
    }),
};
