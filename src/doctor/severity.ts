import type { FindingSeverity } from './finding.js';
import type { Result } from './run.js';

/** ipa-healthcheck's four, the mildest first. */
export const severities = ['success', 'warning', 'error', 'critical'] as const satisfies readonly FindingSeverity[];

/** The worst of them; success where there are none. */
export function worstOf(results: readonly Pick<Result, 'severity'>[]): FindingSeverity {
  return severities.findLast((severity) => results.some((result) => result.severity === severity)) ?? 'success';
}

/** How many there are of each. */
export function countOf(results: readonly Pick<Result, 'severity'>[]): Record<FindingSeverity, number> {
  const count = (severity: FindingSeverity) => results.filter((result) => result.severity === severity).length;
  return { success: count('success'), warning: count('warning'), error: count('error'), critical: count('critical') };
}

/** "1 finding", "68 findings". */
export function counted(findings: number): string {
  return `${String(findings)} ${findings === 1 ? 'finding' : 'findings'}`;
}
