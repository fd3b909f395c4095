import { existsSync } from 'node:fs';
import { parse } from 'smol-toml';
import type { Directories, Instance } from '../config/instance.js';
import { instanceFile, loadInstance } from '../config/load.js';
import { parseInstance } from '../config/schema.js';
import { HsmongerError, asHsmongerError } from '../errors.js';
import { moduleName } from '../nss/modules.js';
import { runningAsRoot } from '../platform/service-user.js';
import { askService } from '../service/ask.js';
import { applyChanges, exitCodeOf, type Step } from '../tracking/apply.js';
import { refused } from '../tracking/preflight.js';
import { standing, tokenAway } from '../tracking/several-tokens.js';
import type { AddCommand, Surroundings } from './command.js';
import { directoriesOf } from './global-options.js';
import { harmless, json } from './output.js';
import { provisionalInstance } from './provisional-instance.js';
import { assertAgreement } from './setup/agreement.js';
import { gatherAnswers } from './setup/answers.js';
import { instanceText } from './setup/document.js';
import { cloneOf } from './setup/from-file.js';
import { setUpFromKipuka, type Written } from './setup/from-kipuka.js';
import { rememberModule } from './setup/remember-module.js';
import { setUpFreeIpa } from './setup/freeipa/set-up.js';
import { trustFault, withoutTrust } from './setup/first-trust.js';
import { inventoryName, inventoryText } from './setup/inventory.js';
import { withSetupOptions, type SetupOptions } from './setup/options.js';
import { printPkispawn } from './setup/print-pkispawn.js';
import { questionsFor, type Questions } from './setup/questions.js';
import { preview, registerCa, workFor, workText, type Work } from './setup/work.js';
import { assertTrustedPlace, writeInstanceFile } from './setup/write-instance.js';
import { removeState, stateExists } from './state-directory.js';
import { withTracker, type Survey, type Tracker } from '../tracking/survey.js';

/** `setup`: from nothing to tracked certificates; run again it finishes what is missing, or changes nothing. */
export const addSetup: AddCommand = (yargs, run) =>
  yargs.command(
    'setup',
    "Hand the renewal of a CA's certificates to certmonger; run again it changes nothing",
    (setup) =>
      withSetupOptions(setup)
        .example('hsmonger setup', 'Ask for what cannot be found')
        .example('hsmonger setup --from ca1.toml --pin-file /etc/hsmonger/hsmonger.pin', 'On a second host of the same token')
        .example(
          'hsmonger setup --yes --token ca --module /usr/lib/softhsm/libsofthsm2.so --pin-file /etc/hsmonger/ca.pin --dbdir /etc/pki/pki-tomcat/alias',
          '',
        ),
    run(setup),
  );

/** What the two kinds of start have in common: the instance as it is, or as it would be. */
interface Draft {
  readonly instance: Instance;
  /** The file to write; undefined where there is one. */
  readonly text: string | undefined;
}

/** Refusals about what setup itself is about to mend. */
const mended: ReadonlySet<string> = new Set(['ca-registered', 'module-registered']);

async function setup(options: SetupOptions, surroundings: Surroundings): Promise<number> {
  if (options.printPkispawn) return printPkispawn(options, surroundings);
  if (!runningAsRoot()) throw new HsmongerError('NOT_PERMITTED', 'setup writes the instance file and changes certmonger: run it as root.');
  if (options.freeipa && options.from !== undefined)
    throw new HsmongerError('USAGE', 'Give --from or --freeipa: the servers of an IPA domain find each other in the directory.');
  if (options.freeipa) return setUpFreeIpa(options, surroundings);
  if (options.fromKipuka !== undefined)
    return setUpFromKipuka(options.fromKipuka, options, surroundings, (each, written) => setUpInstance(each, surroundings, written));
  return setUpInstance(options, surroundings);
}

/** `written`: what another program's configuration says, for an instance that may have no file yet. */
async function setUpInstance(options: SetupOptions, surroundings: Surroundings, written?: Written): Promise<number> {
  const { io, env } = surroundings;
  const directories = directoriesOf(options, env);
  const hadState = stateExists({ directories, instance: { name: options.instance } });
  const questions = questionsFor(io, options.yes || options.dryRun);
  const progress: { draft?: Draft; wrote: boolean } = { wrote: false };
  try {
    const draft = await draftOf(
      options,
      directories,
      questions,
      (sentence) => {
        io.err(`hsmonger: ${harmless(sentence)}\n`);
      },
      written,
    );
    progress.draft = draft;
    const { instance, text } = draft;
    return await withTracker({ instance, directories }, options.bus, env, async (tracker) => {
      const survey = await tracker.survey();
      const refusals = standing(survey.refusals).filter(({ check }) => !mended.has(check));
      if (refusals.length > 0) {
        for (const { problem, fix } of refusals.slice(1)) io.err(`hsmonger: ${harmless(`${problem} ${fix}`)}\n`);
        throw refused(instance.name, refusals);
      }
      const untrusted = await withoutTrust({ instance, directories }, survey);
      const works = workFor({ instance, fileExists: text === undefined, facts: survey.facts, untrusted, changes: survey.changes });
      if (options.dryRun) {
        if (!hadState) await removeState({ instance, directories });
        return preview(works, instance, options.json, io);
      }
      if (!(await agreed(works, instance, questions, surroundings))) return 1;
      progress.wrote = true;
      return perform(tracker, { instance, text }, works, options, surroundings, survey);
    });
  } catch (error) {
    if (!progress.wrote && !hadState) await leaveNothing(options, directories, progress.draft, error);
    throw error;
  }
}

/** A refusal leaves nothing behind, except what must be remembered about a PIN (design rule 4). */
async function leaveNothing(options: SetupOptions, directories: Directories, draft: Draft | undefined, failure: unknown): Promise<void> {
  const instance =
    draft?.instance ?? provisionalInstance({ instance: options.instance, user: options.user ?? 'pkiuser', module: '/', environment: {} });
  if (asHsmongerError(failure).code.startsWith('PIN_') || !stateExists({ directories, instance })) return;
  // The refusal is what the user must hear, whatever becomes of the directory.
  await removeState({ instance, directories }).catch(() => undefined);
}

async function draftOf(
  options: SetupOptions,
  directories: Directories,
  questions: Questions,
  tell: (sentence: string) => void,
  written?: Written,
): Promise<Draft> {
  const file = instanceFile(directories, options.instance);
  if (written !== undefined) return existsSync(file) ? { instance: loadInstance(directories, options.instance), text: undefined } : written;
  if (options.from !== undefined) return draftFrom(options.from, file, options, directories, tell);
  if (existsSync(file)) {
    const instance = loadInstance(directories, options.instance);
    assertAgreement(instance, options);
    return { instance, text: undefined };
  }
  assertTrustedPlace(file);
  const text = instanceText(options.instance, await gatherAnswers(options, directories, questions, tell));
  return { instance: parseInstance(options.instance, file, parse(text)), text };
}

/** A second host: the first one's file says everything, and what was written by it before must say the same. */
function draftFrom(from: string, file: string, options: SetupOptions, directories: Directories, tell: (sentence: string) => void): Draft {
  const { instance, text } = cloneOf(from, file, options, tell);
  if (existsSync(file)) {
    if (JSON.stringify(loadInstance(directories, options.instance)) !== JSON.stringify(instance))
      throw new HsmongerError(
        'USAGE',
        `${file} exists and says otherwise than ${from} does for this host: edit it and run setup without --from, or run 'hsmonger unsetup --instance ${options.instance}' first.`,
      );
    return { instance, text: undefined };
  }
  assertTrustedPlace(file);
  return { instance, text };
}

/** Shows what would be done and asks; a module is registered only after a question of its own. */
async function agreed(works: readonly Work[], instance: Instance, questions: Questions, { io }: Surroundings): Promise<boolean> {
  if (works.length === 0) return true;
  io.err(`hsmonger will:\n${works.map((work) => `  ${harmless(workText(work, instance))}\n`).join('')}`);
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

async function perform(
  tracker: Tracker,
  { instance, text }: Draft,
  works: readonly Work[],
  options: SetupOptions,
  { io, clock }: Surroundings,
  survey: Survey,
): Promise<number> {
  const { place, certmonger } = tracker;
  const done: string[] = [];
  const untrusted: string[] = [];
  if (works.length > 0) {
    const kept = await askService(place, 'keep in state', { name: inventoryName(clock()), content: inventoryText(survey.facts, clock()) });
    io.err(`hsmonger: what was there before is kept in ${kept}\n`);
  }
  for (const work of works) {
    switch (work.kind) {
      case 'write instance file':
        if (text !== undefined) writeInstanceFile(instance.file, text);
        break;
      case 'register CA':
      case 'correct CA':
        await registerCa(certmonger, work.ca);
        break;
      case 'register module':
        // Remembered first: a kill in between must not leave a registration nobody takes back.
        await rememberModule(place, moduleName(work.module));
        await askService(place, 'add NSS module', { module: work.module });
        break;
      case 'set trust': {
        const fault = await trustFault(place, work.certificate.nickname);
        if (fault === undefined) break;
        // Renewals do not wait for it.
        untrusted.push(fault);
        continue;
      }
      // setup --freeipa's alone.
      case 'write PIN file':
      case 'track':
        continue;
    }
    done.push(workText(work, instance));
  }
  const steps = await track(tracker, works, survey);
  for (const step of steps) done.push(stepLine(step, instance));
  const later = survey.refusals.filter(({ check }) => check === tokenAway);
  for (const { problem, fix } of later) io.err(`hsmonger: ${harmless(`${problem} ${fix}`)}\n`);
  for (const fault of untrusted) io.err(`hsmonger: ${harmless(fault)}\n`);
  if (options.json)
    io.out(
      json({
        instance: instance.name,
        file: instance.file,
        changed: works.length > 0,
        done,
        requests: steps.map(({ change, outcome, status, message }) => ({
          id: change.kind === 'remove' ? change.id : change.request.id,
          outcome,
          status,
          message,
        })),
        later: later.map(({ nickname, problem }) => ({ nickname, problem })),
      }),
    );
  else
    io.out(
      works.length === 0 && later.length === 0
        ? `Instance '${instance.name}' is set up already; nothing was changed.\n`
        : done.map((line) => `${harmless(line)}\n`).join(''),
    );
  const code = exitCodeOf(steps);
  return code === 0 && later.length + untrusted.length > 0 ? 3 : code;
}

/** Tracks what pre-flight, looked at again where the ground has changed, agrees to. */
async function track(tracker: Tracker, works: readonly Work[], survey: Survey): Promise<Step[]> {
  if (!works.some(({ kind }) => kind === 'track')) return [];
  const { changes, refusals } = works.every(({ kind }) => kind === 'track' || kind === 'set trust') ? survey : await tracker.survey();
  if (standing(refusals).length > 0) throw refused(tracker.place.instance.name, standing(refusals));
  return applyChanges(tracker.certmonger, changes);
}

function stepLine({ change, outcome, status, message }: Step, instance: Instance): string {
  const what = workText({ kind: 'track', change }, instance);
  return `${what}: ${outcome}${status === undefined ? '' : ` (${status})`}${message === undefined ? '' : `: ${message}`}`;
}
