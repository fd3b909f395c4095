import { isDeepStrictEqual } from 'node:util';
import { loadAgentConf, type AgentConf } from '../config/agent-conf.js';
import type { Directories } from '../config/instance.js';
import { sentenceOf } from '../errors.js';
import type { Clock } from '../platform/clock.js';
import { announce } from './bus/announce.js';
import { startBusName } from './bus/bus-name.js';
import { createDesk } from './bus/create-agent-api.js';
import { startCaretaker } from './instances/instance-supervisor.js';
import { linkCertmonger } from './certmonger-link.js';
import { createCounting } from './report/counters.js';
import { createEvents } from './report/events.js';
import type { Log } from './log.js';
import { createPicture, usualPace, type LivePicture } from './requests/create-request-cache.js';
import { createRoster, type Roster } from './instances/instance-manager.js';
import { notify, startBeat } from './service-manager.js';
import { createShared } from './shared-services.js';
import { takeSnapshot } from './report/take-snapshot.js';
import { createTurns } from './timing/coalesced-runs.js';
import { within } from './timing/within.js';

export interface AgentOptions {
  readonly directories: Directories;
  /** Where certmonger is. */
  readonly bus: string;
  /** This instance alone. */
  readonly only: string | undefined;
  /** Milliseconds between two polls of the directory. */
  readonly pollMs: number;
}

export interface AgentSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly clock: Clock;
  readonly version: string;
  /** The end. */
  readonly signal: AbortSignal;
  /** Calls the listener when all files are to be read again; returns the way to end that. */
  readonly onReload: (listener: () => void) => () => void;
}

/** Silence of the picture that only a hanging process explains: its calls have limits of half a minute each, a handful in a row. */
const hangMs = 240_000;
const patienceMs = 10_000;

/** Looks after all instances until the signal. CONFIG_… where there is nothing to look after, or agent.conf is wrong. */
export async function runAgent({ directories, bus, only, pollMs }: AgentOptions, surroundings: AgentSurroundings): Promise<void> {
  const { env, log, clock, version, signal, onReload } = surroundings;
  let conf = loadAgentConf(directories);
  const startedAt = clock();
  const events = createEvents();
  const counting = createCounting(events);
  const stopping = new AbortController();
  const link = linkCertmonger(bus, env, (change) => {
    picture.heard(change);
    for (const caretaker of roster.caretakers()) caretaker.nudge();
  });
  const roster = createRoster({
    directories,
    only,
    log,
    start: (instance) =>
      startCaretaker({
        instance,
        directories,
        conf: () => conf,
        instances: roster.instances,
        certmonger: link,
        picture,
        events,
        log: (priority, message) => {
          log(priority, `${instance.name}: ${message}`);
        },
        clock,
        pollMs,
      }),
    ended: ({ instance, care }) => {
      counting.keepSignatures(instance.name, care.prober.signatures());
    },
  });
  const pace = {
    ...usualPace,
    get listMs() {
      return Math.min(...roster.instances().map(({ agent }) => agent.probeSeconds * 1000), usualPace.listMs);
    },
  };
  const picture: LivePicture = createPicture({ certmonger: link, log, signal: stopping.signal, pace });
  const snapshot = () => {
    const cared = roster.caretakers();
    const signatures = new Map(cared.map(({ instance, care }) => [instance.name, care.prober.signatures()]));
    return takeSnapshot({
      picture,
      cared,
      at: clock(),
      version,
      startedAt,
      counters: counting.counters(signatures),
      events: events.recent(),
    });
  };
  const shared = createShared({ conf: () => conf, events, snapshot, log }, stopping.signal);

  const reload = async () => {
    if (signal.aborted) return;
    await notify(env, 'RELOADING=1', log);
    const read = reread(directories, log);
    if (read !== undefined && !isDeepStrictEqual(read, conf)) {
      conf = read;
      await shared.restart();
    }
    await roster.read().catch((error: unknown) => {
      log('error', `The instance files could not be read again and count as they were: ${sentenceOf(error)}`);
    });
    log('info', `read agent.conf and the instance files again; ${lookingAfter(roster)}`);
    await notify(env, 'READY=1', log);
  };
  const reloads = createTurns(reload);
  const desk = createDesk({
    caretakers: roster.caretakers,
    snapshot,
    reload: async () => {
      await reloads.next();
      return `Read agent.conf and the instance files again; ${lookingAfter(roster)}`;
    },
  });
  const deaf = onReload(() => {
    reloads.next().catch((error: unknown) => {
      log('error', `Reading the files again failed: ${sentenceOf(error)}`);
    });
  });
  const busName = startBusName({ bus, env, desk, group: () => conf.access.group, log, signal: stopping.signal });
  announce(busName, { events, picture, roster }, stopping.signal);
  try {
    // A second agent would work against the first. A bus that is away is waited for later, with everything else that needs it.
    await within(patienceMs, busName.owned);
    await roster.read();
    shared.start();
    log('info', lookingAfter(roster));
    await notify(env, 'READY=1', log);
    const beat = startBeat({ env, alive: () => performance.now() - picture.aliveMs() < hangMs, log, signal: stopping.signal });
    // Rejects where, once the bus is back, another agent has the name.
    await Promise.race([aborted(signal), busName.owned.then(() => aborted(signal))]);
    await notify(env, 'STOPPING=1', log);
    await reloads.rest();
    await roster.stop();
    stopping.abort();
    if (!(await within(patienceMs, Promise.all([picture.ended, shared.ended(), beat.ended, busName.ended]))))
      log('warning', 'Not everything ended in time; it ends with the process.');
    log('info', 'stopped.');
  } finally {
    await roster.stop();
    stopping.abort();
    link.close();
    deaf();
  }
}

/** What is wrong in it is told, and counts for nothing. */
function reread(directories: Directories, log: Log): AgentConf | undefined {
  try {
    return loadAgentConf(directories);
  } catch (error) {
    log('error', `${sentenceOf(error)} Until it is mended and the agent reloaded, agent.conf counts as it was.`);
    return undefined;
  }
}

function lookingAfter(roster: Roster): string {
  const names = roster.caretakers().map(({ instance }) => `'${instance.name}'`);
  return names.length === 0 ? 'there is no instance left to look after.' : `looking after ${names.join(', ')}.`;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
