import { existsSync } from 'node:fs';
import { parse } from 'smol-toml';
import { requestIds } from '../../../config/request-id.js';
import type { Directories, Instance } from '../../../config/instance.js';
import { instanceFile, loadInstance } from '../../../config/load.js';
import { parseInstance } from '../../../config/schema.js';
import { asHsmongerError } from '../../../errors.js';
import { readPasswordConf } from '../../../freeipa/password-conf.js';
import { moduleName } from '../../../nss/modules.js';
import { accountOf } from '../../../platform/service-user.js';
import { askService } from '../../../service/ask.js';
import { applyChanges, exitCodeOf, type Step } from '../../../tracking/apply.js';
import { planTracking, type Change } from '../../../tracking/plan.js';
import { refused } from '../../../tracking/preflight.js';
import { leavingBusy, nothingTaken, withTaken } from '../../../tracking/take-over.js';
import type { Surroundings } from '../../command.js';
import { directoriesOf } from '../../global-options.js';
import { harmless, json } from '../../output.js';
import { provisionalInstance } from '../../provisional-instance.js';
import { removeState, stateExists } from '../../state-directory.js';
import { withTracker, type Survey } from '../../../tracking/survey.js';
import { assertAgreement } from '../agreement.js';
import { instanceText } from '../document.js';
import { inventoryName, inventoryText } from '../inventory.js';
import type { SetupOptions } from '../options.js';
import { questionsFor, type Questions } from '../questions.js';
import { rememberModule } from '../remember-module.js';
import { preview, registerCa, workFor, workText, type CaCommand, type Work } from '../work.js';
import { assertTrustedPlace, writeInstanceFile } from '../write-instance.js';
import { discoverServer } from './discover.js';
import { readTakenOver, writeTakenOver } from './memory.js';
import { freeIpaCas, freeIpaInstanceOf } from './names.js';
import { provePins, stalePinFiles, withPinsInMemory, writePinFile, type PinFile } from './pin-files.js';

/** What is to become of this server, and the PIN files that do not say what they should. */
interface Draft {
  readonly instance: Instance;
  readonly directories: Directories;
  /** The file to write; undefined where there is one. */
  readonly text: string | undefined;
  readonly stale: readonly PinFile[];
}

/** Refusals about what setup itself is about to mend. */
const mended: ReadonlySet<string> = new Set(['ca-registered', 'module-registered']);

/**
 * `setup --freeipa`: takes an IPA server's requests over; run again it finishes what is missing, takes over what came anew, or changes
 * nothing.
 */
export async function setUpFreeIpa(options: SetupOptions, surroundings: Surroundings): Promise<number> {
  const { io, env, root = '/' } = surroundings;
  const questions = questionsFor(io, options.yes || options.dryRun);
  const name = freeIpaInstanceOf(options.instance);
  const directories = directoriesOf(options, env);
  const hadState = stateExists({ directories, instance: { name } });
  const progress: { user: string; wrote: boolean } = { user: options.user ?? 'pkiuser', wrote: false };
  try {
    const draft = await draftOf(name, options, directories, questions, root);
    const { instance, text, stale } = draft;
    progress.user = instance.user;
    await provePins({ instance, directories }, stale);
    return await withPinsInMemory(instance, stale, accountOf(instance.user), async (provisional) => {
      const survey = await withTracker({ instance: provisional, directories }, options.bus, env, (tracker) => tracker.survey());
      refuse(instance, survey, surroundings);
      const cas = freeIpaCas(name, survey.facts[0].submitCommand);
      const changes = changesOf(draft, survey);
      const works: Work[] = [
        ...stale.map(({ file, from }): Work => ({ kind: 'write PIN file', file, from })),
        ...workFor({ instance, fileExists: text === undefined, cas, facts: survey.facts, changes }),
      ];
      if (options.dryRun) {
        if (!hadState) await removeState({ instance, directories });
        return preview(works, instance, options.json, io);
      }
      if (!(await agreed(works, instance, questions, surroundings))) return 1;
      progress.wrote = true;
      return perform(draft, works, cas, changes, survey, options, surroundings);
    });
  } catch (error) {
    if (!progress.wrote && !hadState) await leaveNothing(name, progress.user, directories, error);
    throw error;
  }
}

/** A refusal leaves nothing behind, except what must be remembered about a PIN (design rule 4). */
async function leaveNothing(name: string, user: string, directories: Directories, failure: unknown): Promise<void> {
  const instance = provisionalInstance({ instance: name, user, module: '/', environment: {} });
  if (asHsmongerError(failure).code.startsWith('PIN_') || !stateExists({ directories, instance })) return;
  // The refusal is what the user must hear, whatever becomes of the directory.
  await removeState({ instance, directories }).catch(() => undefined);
}

async function draftOf(name: string, options: SetupOptions, directories: Directories, questions: Questions, root: string): Promise<Draft> {
  const file = instanceFile(directories, name);
  const stale = (instance: Instance) => stalePinFiles(instance, directories, readPasswordConf(root), root);
  if (existsSync(file)) {
    const instance = loadInstance(directories, name);
    assertAgreement(instance, options);
    return { instance, directories, text: undefined, stale: stale(instance) };
  }
  assertTrustedPlace(file);
  const text = instanceText(name, await discoverServer({ options, instance: name, directories, questions, root }));
  const instance = parseInstance(name, file, parse(text));
  return { instance, directories, text, stale: stale(instance) };
}

function refuse(instance: Instance, { refusals }: Survey, { io }: Surroundings): void {
  const standing = refusals.filter(({ check }) => !mended.has(check));
  for (const { problem, fix } of standing.slice(1)) io.err(`hsmonger: ${harmless(`${problem} ${fix}`)}\n`);
  if (standing.length > 0) throw refused(instance.name, standing);
}

/** The survey's changes with the PIN files' real names: the survey saw stand-ins where they are not written yet. */
function changesOf({ instance, stale }: Draft, { desired, facts }: Survey): Change[] {
  const files = {
    token: instance.token?.pin.from === 'file' ? instance.token.pin.path : undefined,
    internal: instance.nss.passwordFile,
    file: undefined,
  };
  const real = desired.map((request) =>
    stale.length === 0 || request.pinFile === undefined ? request : { ...request, pinFile: files[request.place.kind] },
  );
  return leavingBusy(
    planTracking({ instance, ids: requestIds(instance).values(), desired: real, existing: facts[0].requests }),
    facts[0].requests,
    instance.name,
  );
}

async function agreed(works: readonly Work[], instance: Instance, questions: Questions, { io }: Surroundings): Promise<boolean> {
  if (works.length === 0) return true;
  io.err(
    `hsmonger will, after noting down how to give it back:\n${works.map((work) => `  ${harmless(workText(work, instance))}\n`).join('')}`,
  );
  if (await questions.confirm('Go on?')) return true;
  io.err('hsmonger: nothing was changed.\n');
  return false;
}

/**
 * In this order: what is needed to give back, then what the helper reads, then the CAs, then the requests. A kill in between is made up by
 * a second run.
 */
async function perform(
  draft: Draft,
  works: readonly Work[],
  cas: readonly CaCommand[],
  changes: readonly Change[],
  { facts }: Survey,
  options: SetupOptions,
  { io, env, clock }: Surroundings,
): Promise<number> {
  const { instance, directories, text, stale } = draft;
  const place = { instance, directories };
  const done: string[] = [];
  let steps: readonly Step[] = [];
  if (works.length > 0) {
    const kept = await askService(place, 'keep in state', { name: inventoryName(clock()), content: inventoryText(facts, clock()) });
    io.err(`hsmonger: what was there before is kept in ${kept}\n`);
    const memory = readTakenOver(directories, instance.name) ?? nothingTaken;
    writeTakenOver(
      directories,
      instance.name,
      withTaken(memory, { changes, existing: facts[0].requests, helpers: cas, cas: facts[0].cas, pinFiles: stale.map(({ file }) => file) }),
    );
    for (const work of works) if (work.kind === 'register module') await rememberModule(place, moduleName(work.module));
  }
  await withTracker(place, options.bus, env, async (tracker) => {
    for (const work of works) {
      switch (work.kind) {
        case 'write PIN file':
          for (const pinFile of stale) if (pinFile.file === work.file) writePinFile(pinFile, accountOf(instance.user));
          break;
        case 'write instance file':
          if (text !== undefined) writeInstanceFile(instance.file, text);
          break;
        case 'register CA':
        case 'correct CA':
          await registerCa(tracker.certmonger, work.ca);
          break;
        case 'register module':
          await askService(place, 'add NSS module', { module: work.module });
          break;
        // What is to be trusted has been since the server's installation.
        case 'set trust':
        case 'track':
          continue;
      }
      done.push(workText(work, instance));
    }
    if (changes.length === 0) return;
    const survey = await tracker.survey();
    if (survey.refusals.length > 0) throw refused(instance.name, survey.refusals);
    steps = await applyChanges(tracker.certmonger, leavingBusy(survey.changes, survey.facts[0].requests, instance.name));
  });
  for (const { change, outcome, status, message } of steps)
    done.push(
      `${workText({ kind: 'track', change }, instance)}: ${outcome}${status === undefined ? '' : ` (${status})`}${message === undefined ? '' : `: ${message}`}`,
    );
  if (options.json) io.out(json({ instance: instance.name, file: instance.file, changed: works.length > 0, done }));
  else
    io.out(
      works.length === 0
        ? `Instance '${instance.name}' is set up already; nothing was changed.\n`
        : done.map((line) => `${harmless(line)}\n`).join(''),
    );
  return exitCodeOf(steps);
}
