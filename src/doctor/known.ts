import type { Fact } from './facts.js';
import type { Finding } from './finding.js';

/** What `look` finds in a part of the facts; nothing where it is not known: the check that answers for that part tells why. */
export function known<T>(fact: Fact<T>, look: (value: T) => readonly Finding[]): readonly Finding[] {
  return fact.known ? look(fact.value) : [];
}

/** The findings, or the one success that says there were none. */
export function orFine(findings: readonly Finding[], message: string, key = 'all'): readonly Finding[] {
  return findings.length === 0 ? [{ severity: 'success', key, message }] : findings;
}
