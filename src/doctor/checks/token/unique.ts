import { tokenUnique as refusalsOf } from '../../../tracking/checks/token-unique.js';
import type { Check } from '../../check.js';
import { asFindings, ofPresentToken, orFine } from '../../known.js';

/** hsmonger may tell two tokens of one label apart by slot or serial; certmonger and NSS cannot. */
export const tokenUnique: Check = {
  source: 'hsmonger.token',
  name: 'TokenUnique',
  about: 'No other token has the same label, for us, for NSS and for certmonger, which takes the first one.',
  run: (facts) =>
    ofPresentToken(facts, (token, { tokens, daemon }) => {
      const own = { tokens: tokens.filter(({ initialized }) => initialized).map(({ label }) => label) };
      const nss = facts.nss.known && facts.nss.value.contents?.ok === true ? facts.nss.value.contents : own;
      const views = daemon.known ? daemon.value.tokens : { asDaemon: { labels: [] }, asNssUser: { labels: own.tokens } };
      const refusals = [own, nss].flatMap((seen) => refusalsOf({ instance: facts.instance, token, nss: seen, daemon: { tokens: views } }));
      return orFine(
        asFindings(refusals.slice(0, 1), 'error'),
        `No other token is called '${token.description.label}'.`,
        token.description.label,
      );
    }),
};
