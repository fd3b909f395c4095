import { moduleEnvironment } from '../../config/token-of.js';
import type { Refusal, TokenEvidence } from '../preflight.js';

/**
 * certmonger clears the environment of its children (subproc.c:137), so a module configured by a variable shows them no token; and
 * the one that saves runs as nss-user, who must be able to read that configuration too. Missing while saving it repeats for ever.
 */
export function tokenVisible({
  instance,
  token: { description },
  daemon,
}: Pick<TokenEvidence, 'instance' | 'token'> & { readonly daemon: Pick<TokenEvidence['daemon'], 'home' | 'tokens'> }): Refusal[] {
  for (const reader of ['asDaemon', 'asNssUser'] as const) {
    const view = daemon.tokens[reader];
    if ('labels' in view && view.labels.includes(description.label)) continue;
    const whom = reader === 'asDaemon' ? 'its children' : `its children that save, as user '${instance.user}',`;
    const what =
      'failure' in view
        ? `the module fails there: ${view.failure}`
        : `see ${view.labels.length === 0 ? 'no token' : view.labels.map((label) => `'${label}'`).join(', ')}`;
    const variables = Object.keys(moduleEnvironment(instance));
    const why = variables.length === 0 ? '' : ` The instance file sets ${variables.join(', ')}, which certmonger does not pass on.`;
    return [
      {
        check: 'token-visible',
        problem: `certmonger would not find the token '${description.label}': ${whom} run with HOME=${daemon.home} and an otherwise empty environment, and ${what}.${why}`,
        fix: `Put the module's configuration where it looks without any variable: below /etc, or below ${daemon.home} (SoftHSM: ${daemon.home}/.config/softhsm2/softhsm2.conf or /etc/softhsm/softhsm2.conf), readable by '${instance.user}'.`,
      },
    ];
  }
  return [];
}
