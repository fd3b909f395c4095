import type { Refusal, TokenEvidence } from '../preflight.js';
import { compareVersions, versionOf } from '../version.js';

const since = [0, 79, 19];

/**
 * certmonger before 0.79.19 saves only on tokens that list raw RSA (certsave-n.c:213; 0.79.19: "Don't restrict tokens to CKM_RSA_X_509")
 * and tries for ever on others, whatever the key's type.
 */
export function tokenSaves({
  token: { description, mechanisms },
  daemon,
}: {
  readonly token: Pick<TokenEvidence['token'], 'description' | 'mechanisms'>;
  readonly daemon: Pick<TokenEvidence['daemon'], 'version'>;
}): Refusal[] {
  const version = daemon.version === undefined ? undefined : versionOf(daemon.version);
  if (mechanisms.includes('CKM_RSA_X_509') || version === undefined || compareVersions(version, since) >= 0) return [];
  return [
    {
      check: 'token-saves',
      problem: `The token '${description.label}' does not list CKM_RSA_X_509, and certmonger ${daemon.version ?? ''} saves certificates only on tokens that do: it would try for ever.`,
      fix: "Update certmonger to 0.79.19 or later, or allow raw RSA in the HSM's policy for this partition.",
    },
  ];
}
