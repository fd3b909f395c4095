import type { Directories, Instance } from '../../config/instance.js';
import { HsmongerError, asHsmongerError } from '../../errors.js';
import { moduleName } from '../../nss/modules.js';
import type { Change } from '../../tracking/plan.js';
import { refused } from '../../tracking/preflight.js';
import { standing } from '../../tracking/several-tokens.js';
import { withTracker, type Survey } from '../../tracking/survey.js';
import type { Surroundings } from '../command.js';
import { directoriesOf } from '../global-options.js';
import { harmless } from '../output.js';
import { provisionalInstance } from '../provisional-instance.js';
import { removeState, stateExists } from '../state-directory.js';
import type { SetupOptions } from './options.js';
import { perform } from './perform.js';
import { questionsFor, type Questions } from './questions.js';
import { preview, workText, type Work } from './work.js';

/** An instance as it is, or as it would be, and what this kind of setup does for it that others do not. */
export interface Undertaking {
  readonly instance: Instance;
  /** The file to write; undefined where there is one. */
  readonly text: string | undefined;
  /** What stands before the list of what is going to be done: a sentence's beginning, without its colon. */
  readonly announcement: string;
  /** Runs `look` on the instance as it will be: what it needs for that may not be written yet. */
  looking<T>(look: (instance: Instance) => Promise<T>): Promise<T>;
  /** What certmonger's requests need of what was seen. */
  changes(survey: Survey): readonly Change[];
  /** All that is missing, these changes at its end. */
  works(survey: Survey, changes: readonly Change[]): Promise<Work[]>;
  /** What must be on the disk before anything is changed. */
  beforeWork(survey: Survey, changes: readonly Change[]): void;
  /** Does the work 'write PIN file'. */
  writePinFile(file: string): void;
}

/** Reads, and asks for what is not to be read; changes nothing. `tell` gets what the person is to know. */
export type Drafting = (questions: Questions, tell: (sentence: string) => void) => Promise<Undertaking>;

/** Refusals about what setup itself is about to mend. */
const mended: ReadonlySet<string> = new Set(['ca-registered', 'module-registered']);

/**
 * From nothing to tracked certificates, for every kind of setup: draft, look, refuse or show, ask, do. Run again it finishes what is
 * missing, or changes nothing.
 */
export async function setUp(name: string, draft: Drafting, options: SetupOptions, surroundings: Surroundings): Promise<number> {
  const { io, env } = surroundings;
  const directories = directoriesOf(options, env);
  const hadState = stateExists({ directories, instance: { name } });
  const questions = questionsFor(io, options.yes || options.dryRun);
  const tell = (sentence: string) => {
    io.err(`hsmonger: ${harmless(sentence)}\n`);
  };
  const progress: { instance?: Instance; wrote: boolean } = { wrote: false };
  try {
    const undertaking = await draft(questions, tell);
    const { instance } = undertaking;
    progress.instance = instance;
    return await undertaking.looking(async (asItWillBe) => {
      const survey = await withTracker({ instance: asItWillBe, directories }, options.bus, env, (tracker) => tracker.survey());
      const refusals = standing(survey.refusals).filter(({ check }) => !mended.has(check));
      refusals.slice(1).forEach(({ problem, fix }) => {
        tell(`${problem} ${fix}`);
      });
      if (refusals.length > 0) throw refused(instance.name, refusals);
      const changes = undertaking.changes(survey);
      const works = await undertaking.works(survey, changes);
      if (options.dryRun) {
        if (!hadState) await removeState({ instance, directories });
        return preview(works, instance, options.json, io);
      }
      if (!(await agreed(works, undertaking, questions, surroundings))) return 1;
      progress.wrote = true;
      return perform({ place: { instance, directories }, undertaking, works, changes, survey }, options, surroundings);
    });
  } catch (error) {
    if (!progress.wrote && !hadState)
      await leaveNothing(
        directories,
        progress.instance ?? provisionalInstance({ instance: name, user: options.user ?? 'pkiuser', module: '/', environment: {} }),
        error,
      );
    throw error;
  }
}

/** A refusal leaves nothing behind, except what must be remembered about a PIN (design rule 4). */
async function leaveNothing(directories: Directories, instance: Instance, failure: unknown): Promise<void> {
  if (asHsmongerError(failure).code.startsWith('PIN_') || !stateExists({ directories, instance })) return;
  // The refusal is what the user must hear, whatever becomes of the directory.
  await removeState({ instance, directories }).catch(() => undefined);
}

/** Shows what would be done and asks; a module is registered only after a question of its own. */
async function agreed(
  works: readonly Work[],
  { instance, announcement }: Undertaking,
  questions: Questions,
  { io }: Surroundings,
): Promise<boolean> {
  if (works.length === 0) return true;
  io.err(`${announcement}:\n${works.map((work) => `  ${harmless(workText(work, instance))}\n`).join('')}`);
  for (const work of works) {
    if (work.kind !== 'register module' || (await questions.confirm(`Register '${moduleName(work.module)}' in ${instance.nss.database}?`)))
      continue;
    throw new HsmongerError(
      'PREFLIGHT_FAILED',
      `The module ${work.module} stays unregistered, so certmonger would not find the token; nothing was changed.`,
    );
  }
  if (await questions.confirm('Go on?')) return true;
  io.err('hsmonger: nothing was changed.\n');
  return false;
}
