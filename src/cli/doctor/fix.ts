import type { Remedy } from '../../doctor/finding.js';
import type { Result } from '../../doctor/run.js';
import { sentenceOf } from '../../errors.js';
import type { Io } from '../io.js';
import { harmless } from '../output.js';
import { questionsFor } from '../setup/questions.js';
import type { Gathering } from './gather/gathering.js';
import { applyRemedy } from './remedies/apply.js';
import { describeRemedy } from './remedies/describe.js';

/** One instance's findings and what they were found with. */
export interface Examined {
  readonly given: Gathering;
  readonly results: readonly Result[];
}

interface Treatment {
  readonly given: Gathering;
  readonly remedy: Remedy;
}

/**
 * Shows what can be done safely, asks unless `yes`, does it, and says of each how it went. Whether anything was tried: then everything is
 * looked at again.
 */
export async function treat(examined: readonly Examined[], io: Io, yes: boolean): Promise<boolean> {
  const treatments = examined.flatMap(({ given, results }) =>
    distinct(results.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy]))).map((remedy): Treatment => ({ given, remedy })),
  );
  if (treatments.length === 0) {
    io.err('Nothing here can be mended by --fix alone.\n');
    return false;
  }
  io.err(`This would be done:\n${treatments.map((treatment) => `  ${wordsOf(treatment)}\n`).join('')}`);
  if (!(await questionsFor(io, yes).confirm('Do it?'))) {
    io.err('Nothing was changed.\n');
    return false;
  }
  for (const treatment of treatments) await perform(treatment, io);
  return true;
}

/** One that fails keeps no other from being tried. */
async function perform(treatment: Treatment, io: Io): Promise<void> {
  try {
    await applyRemedy(treatment.given, treatment.remedy, (sentence) => {
      io.err(`  ${harmless(sentence)}\n`);
    });
    io.err(`done: ${wordsOf(treatment)}\n`);
  } catch (error) {
    io.err(`failed: ${wordsOf(treatment)}: ${harmless(sentenceOf(error))}\n`);
  }
}

function wordsOf({ given, remedy }: Treatment): string {
  return harmless(`${given.place.instance.name}: ${describeRemedy(remedy)}`);
}

function distinct(remedies: readonly Remedy[]): Remedy[] {
  const words = remedies.map((remedy) => JSON.stringify(remedy));
  return remedies.filter((_remedy, index) => words.indexOf(words[index] ?? '') === index);
}
