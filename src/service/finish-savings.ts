import type { InstanceSite } from '../config/instance.js';
import { ledgerOwner } from '../config/ledger-owner.js';
import { helperReaction, sentenceOf } from '../errors.js';
import { run } from '../platform/run.js';
import { restartUnit, startGuarded } from '../renewal/guard.js';
import type { Resumed, SaveReport } from '../renewal/save.js';
import { restartServer, startAbandoned } from '../renewal/server.js';
import { askService } from './ask.js';
import { keepFileModes } from './file-modes.js';
import { scheduleRetry } from './retry.js';
import { whileServerStopped } from './server-stopped.js';

interface Means {
  readonly ask: typeof askService;
  readonly run: typeof run;
}

type Tell = (sentence: string) => Promise<void> | void;

/**
 * Finishes what interrupted savings left: the service user's part in a dropped child, then units by root, restarted once for all of them.
 * What cannot be finished is told, stays in the journal, and is tried again by a timer where there is hope. Gives how many were finished.
 */
export async function finishSavings(place: InstanceSite, tell: Tell, means: Means = { ask: askService, run }): Promise<number> {
  const { instance } = place;
  const { resumed, stopped } = await resume(place, tell, means);
  const reports = resumed.flatMap((one) => (one.ok ? [one.report] : []));
  for (const one of resumed) await tellOf(one, tell);
  const awaiting = reports.filter(({ restart }) => restart !== undefined);
  if (awaiting.length > 0) {
    const server = instance.pki?.unit;
    if (!stopped && awaiting.some(({ restart }) => restart === server)) await restartServer(instance, means.run);
    if (awaiting.some(({ restart }) => restart !== server)) await restartUnit(instance, await startGuarded(instance, means.run), means.run);
    for (const { nickname } of awaiting) await means.ask(place, 'finish saving', { nickname });
  }
  const finished = reports.filter(({ left }) => left.length === 0);
  // On a clone it may be one that the owner stored.
  const what = ledgerOwner(instance).kind === 'another host' ? 'saving' : 'interrupted saving';
  for (const { nickname } of finished) await tell(`Finished the ${what} of '${nickname}'.`);
  const delays = resumed.flatMap(delayOf);
  if (delays.length > 0) await scheduleRetry(place, Math.min(...delays), means.run);
  return finished.length;
}

async function resume(
  place: InstanceSite,
  tell: Tell,
  { ask, run }: Means,
): Promise<{ readonly resumed: Resumed[]; readonly stopped: boolean }> {
  const { instance } = place;
  for (const certificate of instance.certificates) for (const sentence of await keepFileModes(certificate, run)) await tell(sentence);
  // Neither a directory is opened nor a server stopped for nothing.
  const costly = instance.directory !== undefined || instance.pki?.unit !== undefined;
  const pending = costly ? await ask(place, 'pending savings', undefined) : { count: 1, stop: false };
  const work = (serverRuns?: string) =>
    pending.count === 0 ? Promise.resolve([]) : ask(place, 'resume saving', serverRuns === undefined ? undefined : { serverRuns });
  if (pending.stop) return { resumed: await whileServerStopped(instance, { run, tell }, work), stopped: true };
  const resumed = await work();
  try {
    await startAbandoned(instance, run);
  } catch (error) {
    await tell(`The PKI server that an interrupted saving stopped could not be started: ${sentenceOf(error)}`);
  }
  return { resumed, stopped: false };
}

async function tellOf(resumed: Resumed, tell: Tell): Promise<void> {
  if (resumed.ok) {
    for (const sentence of [...resumed.report.warnings, ...sentencesOfLeft(resumed.report)]) await tell(sentence);
  } else {
    await tell(`Saving '${resumed.nickname}' could not be finished: ${resumed.message}`);
  }
}

/** One for each follow-up that is tried again. */
export function sentencesOfLeft({ nickname, left }: Pick<SaveReport, 'nickname' | 'left'>): string[] {
  return left.map(
    ({ step, reason }) =>
      `The new certificate '${nickname}' is in place, but '${step}' is left and is tried again by itself: ${reason ?? 'it was not tried yet.'}`,
  );
}

/** What only an administrator can mend is not tried again and again. */
function delayOf(resumed: Resumed): number[] {
  if (resumed.ok) return resumed.report.left.length === 0 ? [] : [resumed.report.retryAfterSeconds];
  return typeof helperReaction(resumed.code) === 'string' ? [] : [resumed.retryAfterSeconds];
}
