import { sentenceOf } from '../errors.js';
import type { Check } from './check.js';
import type { DoctorFacts } from './facts.js';
import type { Finding } from './finding.js';

/** A finding with where it comes from. */
export interface Result extends Finding {
  readonly source: string;
  readonly check: string;
  /** The instance it is about. */
  readonly instance: string;
  readonly when: Date;
  /** Of the whole check, seconds. */
  readonly duration: number;
}

/** Sources whose checks look at one token and what lies on it. */
const ofOneToken: ReadonlySet<string> = new Set(['hsmonger.module', 'hsmonger.token', 'hsmonger.pin', 'hsmonger.certificates', 'hsmonger.keys', 'hsmonger.nss']);

/** Milliseconds of a clock nobody sets. */
export type Stopwatch = () => number;

/**
 * Runs the checks one after another. One that throws is a defect of that check, told as its critical finding, and keeps no other from
 * running. A check that could not look (its part of the facts is not known) gives nothing: the check that answers for that part tells why.
 */
export function runChecks(checks: readonly Check[], facts: DoctorFacts, stopwatch: Stopwatch): Result[] {
  return checks.flatMap((check) => {
    const start = stopwatch();
    const findings = (ofOneToken.has(check.source) ? (facts.views ?? [facts]) : [facts]).flatMap((view) => named(view, attempt(check, view)));
    const duration = (stopwatch() - start) / 1000;
    return findings.map((finding): Result => ({ ...finding, source: check.source, check: check.name, instance: facts.instance.name, when: facts.now, duration }));
  });
}

/**
 * Of some checks alone, the one that answers for what they look at may not be among them: where nothing else is wrong, each that said
 * nothing says that it could not look, so that not seen is never taken for fine.
 */
export function withUnseen(checks: readonly Check[], facts: Pick<DoctorFacts, 'instance' | 'now'>, results: readonly Result[]): Result[] {
  if (results.some(({ severity }) => severity !== 'success')) return [...results];
  const spoke = new Set(results.map(({ check }) => check));
  const unseen = checks.filter(({ name }) => !spoke.has(name));
  return [...results, ...unseen.map(({ source, name }): Result => ({ source, check: name, instance: facts.instance.name, when: facts.now, duration: 0, severity: 'error', key: 'unseen', message: `What ${name} looks at could not be looked at.`, fix: `Why, the other checks say: hsmonger doctor --instance ${facts.instance.name}.` }))];
}

/** What is about no certificate has the name of the further token it is about. */
function named({ instance: { partOn, certificates } }: DoctorFacts, findings: readonly Finding[]): readonly Finding[] {
  if (partOn === undefined) return findings;
  return findings.map((finding) => (certificates.some(({ nickname }) => nickname === finding.key) ? finding : { ...finding, key: `${partOn}: ${finding.key}` }));
}

function attempt(check: Check, facts: DoctorFacts): readonly Finding[] {
  try {
    return check.run(facts);
  } catch (error) {
    return [{ severity: 'critical', key: 'exception', message: `The check ${check.name} itself failed: ${sentenceOf(error).replace(/\.$/u, '')}.`, fix: 'Report this with the output of hsmonger doctor --output json; the other checks ran.' }];
  }
}
