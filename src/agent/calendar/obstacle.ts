import type { Probe, Verdict } from '../../diagnosis/probe.js';

/**
 * Why a renewal would fail now, as a sentence, by the last look at what it needs; undefined where nothing is known to be in the way. What
 * the agent leaves for later certmonger tries by itself at its own moment.
 */
export function obstacleTo(probe: Probe | undefined, nickname: string): string | undefined {
  if (probe === undefined) return undefined;
  const { token, nss, helper, directory, ca, disk } = probe;
  if (token?.state === 'away') return token.problem;
  if (token !== undefined) {
    if (token.pin === 'locked' || token.pin === 'final-try')
      return `The token's PIN is ${token.pin === 'locked' ? 'locked' : 'one wrong try away from being locked'}.`;
    if (token.login.state !== 'proven') return token.login.problem;
    const key = token.keys[nickname];
    if (key?.ok === false) return key.problem;
  }
  if (nss !== undefined && nss.unwritable.length > 0)
    return `The service user cannot write ${nss.unwritable.join(', ')} in the NSS database.`;
  return [helper, directory, ca, disk].map(problemOf).find((problem) => problem !== undefined);
}

function problemOf(verdict: Verdict | undefined): string | undefined {
  return verdict?.ok === false ? verdict.problem : undefined;
}
