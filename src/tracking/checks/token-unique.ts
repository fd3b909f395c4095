import { tokenOf } from '../../config/token-of.js';
import type { TokenCheck } from '../preflight.js';

/** NSS and certmonger take the first token with the label, silently. */
export const tokenUnique: TokenCheck = ({ token: { description }, nss, daemon, instance }) => {
  const lists = [nss.tokens, ...[daemon.tokens.asDaemon, daemon.tokens.asNssUser].map((view) => ('labels' in view ? view.labels : []))];
  return lists.some((labels) => labels.filter((label) => label === description.label).length > 1)
    ? [{ check: 'token-unique', problem: `More than one token of ${tokenOf(instance).module} is called '${description.label}', and certmonger would take whichever comes first.`, fix: "Rename one of them, or hide it in the module's configuration." }]
    : [];
};
