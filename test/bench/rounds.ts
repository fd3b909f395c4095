import { summarise, type Summary } from './row.js';

/** Does the work once; `round` counts from 0. Throws when the answer is not right: a wrong answer is quick. */
export type Subject = (round: number) => Promise<void> | void;

/**
 * Times all subjects in every round, one after another, each round beginning with another one: what else the machine does falls
 * on all of them alike. A first round is thrown away.
 */
export async function interleave<Name extends string>(
  rounds: number,
  subjects: Readonly<Record<Name, Subject>>,
): Promise<Record<Name, Summary>> {
  const names = Object.keys(subjects) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!;
      const start = performance.now();
      await subjects[name](round);
      const taken = performance.now() - start;
      if (round > 0) samples[name].push(taken);
    }
  }
  return Object.fromEntries(names.map((name) => [name, summarise(samples[name])])) as Record<Name, Summary>;
}
