import type { Cure, Diagnosis, Severity } from '../../diagnosis/diagnosis.js';
import type { InstanceSnapshot } from './snapshot.js';

/** The same trouble of an instance and of several of its certificates is one problem. */
export interface Problem {
  readonly instance: string;
  readonly diagnosis: Diagnosis;
  /** None where it is the instance's as a whole. */
  readonly nicknames: readonly string[];
}

const severities: readonly Severity[] = ['critical', 'error', 'warning'];

/** Worst first, what waits for a person before what heals by itself. */
export function problemsOf(instances: readonly Pick<InstanceSnapshot, 'name' | 'diagnoses' | 'certificates'>[]): Problem[] {
  const found = new Map<string, { instance: string; diagnosis: Diagnosis; nicknames: string[] }>();
  for (const { name, diagnoses, certificates } of instances) {
    for (const [diagnosis, nickname] of [
      ...diagnoses.map((one) => [one, undefined] as const),
      ...certificates.map((one) => [one.diagnosis, one.nickname] as const),
    ]) {
      if (diagnosis === undefined) continue;
      const key = JSON.stringify([name, diagnosis.cause, diagnosis.sentence, diagnosis.cure.advice]);
      const known = found.get(key) ?? { instance: name, diagnosis, nicknames: [] };
      if (nickname !== undefined) known.nicknames.push(nickname);
      found.set(key, known);
    }
  }
  const rank = ({ diagnosis }: Problem) => severities.indexOf(diagnosis.severity) * 2 + (cureWord(diagnosis.cure) === 'To do' ? 0 : 1);
  return [...found.values()].sort((a, b) => rank(a) - rank(b));
}

/** What stands before a cure's advice. What waits for its cause to go waits for whoever takes it away. */
export function cureWord({ by }: Cure): 'To do' | 'Heals by itself' {
  switch (by) {
    case 'a person':
    case 'waiting':
    case 'move PIN aside':
      return 'To do';
    case 'resubmit':
    case 'refresh':
    case 'restart':
    case 'reconcile':
      return 'Heals by itself';
  }
}
