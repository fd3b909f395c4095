import { HsmongerError } from '../../errors.js';
import type { Io } from '../io.js';
import { harmless } from '../output.js';

/** Who answers what no flag says. */
export interface Questions {
  /** The value a flag gave, else the one candidate, else what a person answers; USAGE where nobody may be asked. */
  value(wanted: {
    readonly flag: string;
    readonly question: string;
    readonly given: string | undefined;
    readonly candidates: readonly string[];
  }): Promise<string>;
  /** Yes or no; yes where nobody is to be asked. */
  confirm(question: string): Promise<boolean>;
}

/** With `yes` nothing is asked; without it somebody must be there to answer. */
export function questionsFor(io: Io, yes: boolean): Questions {
  const { ask } = io;
  if (yes) return { value: (wanted) => Promise.resolve().then(() => unasked(wanted)), confirm: () => Promise.resolve(true) };
  if (ask === undefined) throw new HsmongerError('USAGE', 'There is no terminal to ask on: say --yes, and by flags what cannot be found.');
  return {
    async value({ question, given, candidates: [proposed, ...others] }) {
      if (given !== undefined) return given;
      const hint =
        proposed === undefined ? '' : ` [${harmless(proposed)}]${others.length === 0 ? '' : ` (also: ${others.map(harmless).join(', ')})`}`;
      for (;;) {
        const answer = (await ask(`${question}${hint}: `)) || proposed;
        if (answer !== undefined) return answer;
      }
    },
    confirm: async (question) => /^y(es)?$/iu.test(await ask(`${question} [y/N]: `)),
  };
}

function unasked({
  flag,
  given,
  candidates,
}: {
  readonly flag: string;
  readonly given: string | undefined;
  readonly candidates: readonly string[];
}): string {
  if (given !== undefined) return given;
  const [only, another] = candidates;
  if (only !== undefined && another === undefined) return only;
  throw new HsmongerError(
    'USAGE',
    `With --yes nothing is asked: say --${flag}${candidates.length === 0 ? '' : ` (found: ${candidates.map((candidate) => `'${candidate}'`).join(', ')})`}.`,
  );
}
