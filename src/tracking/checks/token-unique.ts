import { tokenOf } from '../../config/token-of.js';
import type { Refusal, TokenEvidence } from '../preflight.js';

interface UniqueEvidence {
  readonly instance: TokenEvidence['instance'];
  readonly token: Pick<TokenEvidence['token'], 'description'>;
  readonly nss: Pick<TokenEvidence['nss'], 'tokens'>;
  readonly daemon: Pick<TokenEvidence['daemon'], 'tokens'>;
}

/** NSS and certmonger take the first token with the label, silently. */
export function tokenUnique({ token: { description }, nss, daemon, instance }: UniqueEvidence): Refusal[] {
  const lists = [nss.tokens, ...[daemon.tokens.asDaemon, daemon.tokens.asNssUser].map((view) => ('labels' in view ? view.labels : []))];
  return lists.some((labels) => labels.filter((label) => label === description.label).length > 1)
    ? [
        {
          check: 'token-unique',
          problem: `More than one token of ${tokenOf(instance).module} is called '${description.label}', and certmonger would take whichever comes first.`,
          fix: "Rename one of them, or hide it in the module's configuration.",
        },
      ]
    : [];
}
