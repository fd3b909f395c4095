import { summarise, type Summary } from '../row.js';

/** Milliseconds for the whole of it. Throws when the answer is not right: a wrong answer is quick. */
export type Measure = () => Promise<number> | number;

/** As rounds.ts, for subjects that say themselves what they took: in turn, each round begun by another, the first round thrown away. */
export async function interleaveMeasures(rounds: number, subjects: Readonly<Record<string, Measure>>): Promise<Record<string, Summary>> {
  const names = Object.keys(subjects);
  const samples = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!;
      const taken = await subjects[name]!();
      if (round > 0) samples.get(name)!.push(taken);
    }
  }
  return Object.fromEntries([...samples].map(([name, taken]) => [name, summarise(taken)]));
}
