import path from 'node:path';
import { tokenName } from '../config/token-of.js';
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
const ofOneToken: ReadonlySet<string> = new Set([
  'hsmonger.module',
  'hsmonger.token',
  'hsmonger.pin',
  'hsmonger.certificates',
  'hsmonger.keys',
  'hsmonger.nss',
]);

/** Milliseconds of a clock nobody sets. */
export type Stopwatch = () => number;

/**
 * Runs the checks one after another. One that throws is a defect of that check, told as its critical finding, and keeps no other from
 * running. A check that could not look (its part of the facts is not known) gives nothing: the check that answers for that part tells why.
 */
export function runChecks(checks: readonly Check[], facts: DoctorFacts, stopwatch: Stopwatch): Result[] {
  return checks.flatMap((check) => {
    const start = stopwatch();
    const views = ofOneToken.has(check.source) ? (facts.views ?? [facts]) : [facts];
    const findings = toldApart(views.map((view) => ({ view, findings: attempt(check, view) })));
    const duration = (stopwatch() - start) / 1000;
    return findings.map((finding): Result => ({
      ...finding,
      source: check.source,
      check: check.name,
      instance: facts.instance.name,
      when: facts.now,
      duration,
    }));
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
  return [
    ...results,
    ...unseen.map(({ source, name }): Result => ({
      source,
      check: name,
      instance: facts.instance.name,
      when: facts.now,
      duration: 0,
      severity: 'error',
      key: 'unseen',
      message: `What ${name} looks at could not be looked at.`,
      fix: `Why, the other checks say: hsmonger doctor --instance ${facts.instance.name}.`,
    })),
  ];
}

interface Told {
  readonly view: DoctorFacts;
  readonly findings: readonly Finding[];
}

/** What several tokens are told in the same words names the token, or is told once where it is about a file they share. */
function toldApart(each: readonly Told[]): readonly Finding[] {
  return each.flatMap(({ view, findings }, nth) =>
    findings
      .filter(
        (finding) =>
          !(
            isOfFile(finding) &&
            each.slice(0, nth).some((before) => before.findings.some((other) => other.key === finding.key && sameWords(other, finding)))
          ),
      )
      .map((finding) => {
        const others = each.filter((other) => other.view !== view && other.findings.some((one) => sameWords(one, finding)));
        return keyed(
          view,
          others.length === 0 || isOfFile(finding) ? finding : { ...finding, message: `${tokenOf(view)}: ${finding.message}` },
        );
      }),
  );
}

const isOfFile = ({ key }: Finding) => path.isAbsolute(key);
const sameWords = (left: Finding, right: Finding) => left.message === right.message;

/** As the instance file names it; two modules may each have a token of one label. */
function tokenOf({ instance: { token, partOn } }: DoctorFacts): string {
  const name = token === undefined ? 'Without a token' : `Token '${tokenName(token.selector)}'`;
  return partOn === undefined ? name : `${name} ([tokens.${partOn}])`;
}

/** What is about no certificate has the name of the further token it is about. */
function keyed({ instance: { partOn, certificates } }: DoctorFacts, finding: Finding): Finding {
  return partOn === undefined || certificates.some(({ nickname }) => nickname === finding.key)
    ? finding
    : { ...finding, key: `${partOn}: ${finding.key}` };
}

function attempt(check: Check, facts: DoctorFacts): readonly Finding[] {
  try {
    return check.run(facts);
  } catch (error) {
    return [
      {
        severity: 'critical',
        key: 'exception',
        message: `The check ${check.name} itself failed: ${sentenceOf(error).replace(/\.$/u, '')}.`,
        fix: 'Report this with the output of hsmonger doctor --output json; the other checks ran.',
      },
    ];
  }
}
