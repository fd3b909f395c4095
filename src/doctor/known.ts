import type { Refusal } from '../tracking/preflight.js';
import type { DoctorFacts, Fact } from './facts.js';
import type { NssContents } from './facts/nss.js';
import type { TokenSight } from './facts/token.js';
import type { Finding, FindingSeverity } from './finding.js';

/** What `look` finds in a part of the facts; nothing where it is not known: the check that answers for that part tells why. */
export function known<T>(fact: Fact<T>, look: (value: T) => readonly Finding[]): readonly Finding[] {
  return fact.known ? look(fact.value) : [];
}

/** The same of the token; one success where the instance has none. */
export function ofToken({ token, instance }: DoctorFacts, look: (sight: TokenSight) => readonly Finding[]): readonly Finding[] {
  return known(token, (sight) =>
    sight === 'none'
      ? [{ severity: 'success', key: 'none', message: `Nothing of instance '${instance.name}' lies on a token.` }]
      : look(sight),
  );
}

/** The same of a token that is there; nothing where it is not: TokenPresent tells why. */
export function ofPresentToken(
  facts: DoctorFacts,
  look: (token: Extract<TokenSight['token'], { ok: true }>, sight: TokenSight) => readonly Finding[],
): readonly Finding[] {
  return ofToken(facts, (sight) => (sight.token.ok ? look(sight.token, sight) : []));
}

/** The same of what NSS sees in its database; nothing where it sees nothing: NssDatabase tells why. */
export function ofNssContents({ nss }: DoctorFacts, look: (contents: NssContents) => readonly Finding[]): readonly Finding[] {
  return known(nss, ({ contents }) => (contents?.ok === true ? look(contents) : []));
}

/** The findings, or the one success that says there were none. */
export function orFine(findings: readonly Finding[], message: string, key = 'all'): readonly Finding[] {
  return findings.length === 0 ? [{ severity: 'success', key, message }] : findings;
}

/** Pre-flight's words for what is wrong, as findings. */
export function asFindings(refusals: readonly Refusal[], severity: FindingSeverity): Finding[] {
  return refusals.map(({ check, nickname, problem, fix }) => ({ severity, key: nickname ?? check, message: problem, fix }));
}
