import type { Instance, InstanceSite } from '../../config/instance.js';
import { ledgerOwner } from '../../config/ledger-owner.js';
import { moduleName } from '../../nss/modules.js';
import { askService } from '../../service/ask.js';
import { applyChanges, exitCodeOf, type Step } from '../../tracking/apply.js';
import type { Change } from '../../tracking/plan.js';
import { refused } from '../../tracking/preflight.js';
import { standing, tokenAway } from '../../tracking/several-tokens.js';
import { withTracker, type Survey, type Tracker } from '../../tracking/survey.js';
import type { Surroundings } from '../command.js';
import { harmless, json } from '../output.js';
import { trustFault } from './first-trust.js';
import { inventoryName, inventoryText } from './inventory.js';
import type { SetupOptions } from './options.js';
import { rememberModule } from './remember-module.js';
import type { Undertaking } from './set-up.js';
import { registerCa, workText, type Work } from './work.js';
import { writeInstanceFile } from './write-instance.js';

/** What was agreed to, and what it was worked out from. */
interface Agreed {
  readonly place: InstanceSite;
  readonly undertaking: Undertaking;
  readonly works: readonly Work[];
  readonly changes: readonly Change[];
  readonly survey: Survey;
}

/** What came of the works before the requests, as sentences. */
interface Came {
  readonly done: readonly string[];
  /** Why a certificate is not trusted yet: renewals do not wait for it. */
  readonly untrusted: readonly string[];
}

/**
 * In this order: what is needed to give back, then what the helper reads, then the CAs, then the requests. A kill in between is made up by
 * a second run.
 */
export async function perform(agreed: Agreed, options: SetupOptions, { io, env, clock }: Surroundings): Promise<number> {
  const { place, undertaking, works, survey } = agreed;
  const { instance } = place;
  if (works.length > 0) {
    const kept = await askService(place, 'keep in state', { name: inventoryName(clock()), content: inventoryText(survey.facts, clock()) });
    io.err(`hsmonger: what was there before is kept in ${kept}\n`);
    undertaking.beforeWork(survey, agreed.changes);
  }
  const { done, untrusted, steps } = await withTracker(place, options.bus, env, async (tracker) => ({
    ...(await make(works, undertaking, tracker)),
    steps: await track(agreed, tracker),
  }));
  const lines = [...done, ...steps.map((step) => stepLine(step, instance))];
  const later = survey.refusals.filter(({ check }) => check === tokenAway);
  for (const sentence of [...later.map(({ problem, fix }) => `${problem} ${fix}`), ...untrusted])
    io.err(`hsmonger: ${harmless(sentence)}\n`);
  if (options.json)
    io.out(
      json({
        instance: instance.name,
        file: instance.file,
        changed: works.length > 0,
        done: lines,
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
        : lines.map((line) => `${harmless(line)}\n`).join(''),
    );
  const code = exitCodeOf(steps);
  return code === 0 && later.length + untrusted.length > 0 ? 3 : code;
}

async function make(works: readonly Work[], undertaking: Undertaking, { place, certmonger }: Tracker): Promise<Came> {
  const { instance } = place;
  const done: string[] = [];
  const untrusted: string[] = [];
  for (const work of works) {
    switch (work.kind) {
      case 'write PIN file':
        undertaking.writePinFile(work.file);
        break;
      case 'write instance file':
        if (undertaking.text !== undefined) writeInstanceFile(instance.file, undertaking.text);
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
        untrusted.push(fault);
        continue;
      }
      case 'track':
        continue;
    }
    done.push(workText(work, instance));
  }
  return { done, untrusted };
}

/** Tracks what pre-flight, looked at again where the ground has changed, agrees to. */
async function track({ undertaking, works, changes, survey }: Agreed, tracker: Tracker): Promise<Step[]> {
  if (!works.some(({ kind }) => kind === 'track')) return [];
  await noteWhatIsThere(tracker.place, changes);
  if (works.every(({ kind }) => kind === 'track' || kind === 'set trust')) return applyAgreed(changes, survey, tracker);
  const now = await tracker.survey();
  return applyAgreed(undertaking.changes(now), now, tracker);
}

/** On a clone, before certmonger reads them: what the owner stores later has to be told from these. */
async function noteWhatIsThere(place: InstanceSite, changes: readonly Change[]): Promise<void> {
  if (ledgerOwner(place.instance).kind !== 'another host') return;
  const nicknames = changes.flatMap((change) => (change.kind === 'add' ? [change.request.nickname] : []));
  await askService(place, 'note what is in place', { nicknames });
}

function applyAgreed(changes: readonly Change[], { refusals }: Survey, { place, certmonger }: Tracker): Promise<Step[]> {
  if (standing(refusals).length > 0) throw refused(place.instance.name, standing(refusals));
  return applyChanges(certmonger, changes);
}

function stepLine({ change, outcome, status, message }: Step, instance: Instance): string {
  const what = workText({ kind: 'track', change }, instance);
  return `${what}: ${outcome}${status === undefined ? '' : ` (${status})`}${message === undefined ? '' : `: ${message}`}`;
}
