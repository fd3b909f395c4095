import { isDeepStrictEqual } from 'node:util';
import { loadAgentConf, type AgentConf } from '../config/agent-conf.js';
import type { Directories } from '../config/instance.js';
import { sentenceOf } from '../errors.js';
import type { Clock } from '../platform/clock.js';
import { announce } from './bus/announce.js';
import { startBusName } from './bus/bus-name.js';
import { createAgentApi } from './bus/create-agent-api.js';
import { startInstanceSupervisor } from './instances/instance-supervisor.js';
import { linkCertmonger } from './certmonger-link.js';
import { createCounting } from './report/counters.js';
import { createEvents } from './report/events.js';
import type { Log } from './log.js';
import { createRequestCache, usualPace, type LiveRequestCache } from './requests/create-request-cache.js';
import { createInstanceManager, type InstanceManager } from './instances/instance-manager.js';
import { notify, startBeat } from './service-manager.js';
import { createSharedServices } from './shared-services.js';
import { takeSnapshot } from './report/take-snapshot.js';
import { createCoalescedRuns } from './timing/coalesced-runs.js';
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

/** Silence of the request cache that only a hanging process explains: its calls have limits of half a minute each, a handful in a row. */
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
    requestCache.heard(change);
    for (const supervisor of manager.supervisors()) supervisor.nudge();
  });
  const manager = createInstanceManager({
    directories,
    only,
    log,
    start: (instance) =>
      startInstanceSupervisor({
        instance,
        directories,
        conf: () => conf,
        instances: manager.instances,
        certmonger: link,
        requestCache,
        events,
        log: (priority, message) => {
          log(priority, `${instance.name}: ${message}`);
        },
        clock,
        pollMs,
      }),
    ended: ({ instance, context }) => {
      counting.keepSignatures(instance.name, context.prober.signatures());
    },
  });
  const pace = {
    ...usualPace,
    get listMs() {
      return Math.min(...manager.instances().map(({ agent }) => agent.probeSeconds * 1000), usualPace.listMs);
    },
  };
  const requestCache: LiveRequestCache = createRequestCache({ certmonger: link, log, signal: stopping.signal, pace });
  const snapshot = () => {
    const sources = manager.supervisors();
    const signatures = new Map(sources.map(({ instance, context }) => [instance.name, context.prober.signatures()]));
    return takeSnapshot({
      requestCache,
      sources,
      at: clock(),
      version,
      startedAt,
      counters: counting.counters(signatures),
      events: events.recent(),
    });
  };
  const shared = createSharedServices({ conf: () => conf, events, snapshot, log }, stopping.signal);

  const reload = async () => {
    if (signal.aborted) return;
    await notify(env, 'RELOADING=1', log);
    const read = reread(directories, log);
    if (read !== undefined && !isDeepStrictEqual(read, conf)) {
      conf = read;
      await shared.restart();
    }
    await manager.read().catch((error: unknown) => {
      log('error', `The instance files could not be read again and count as they were: ${sentenceOf(error)}`);
    });
    log('info', `read agent.conf and the instance files again; ${lookingAfter(manager)}`);
    await notify(env, 'READY=1', log);
  };
  const reloads = createCoalescedRuns(reload);
  const api = createAgentApi({
    supervisors: manager.supervisors,
    snapshot,
    reload: async () => {
      await reloads.run();
      return `Read agent.conf and the instance files again; ${lookingAfter(manager)}`;
    },
  });
  const deaf = onReload(() => {
    reloads.run().catch((error: unknown) => {
      log('error', `Reading the files again failed: ${sentenceOf(error)}`);
    });
  });
  const busName = startBusName({ bus, env, api, group: () => conf.access.group, log, signal: stopping.signal });
  announce(busName, { events, requestCache, manager }, stopping.signal);
  try {
    // A second agent would work against the first. A bus that is away is waited for later, with everything else that needs it.
    await within(patienceMs, busName.owned);
    await manager.read();
    shared.start();
    log('info', lookingAfter(manager));
    await notify(env, 'READY=1', log);
    const beat = startBeat({ env, alive: () => performance.now() - requestCache.aliveMs() < hangMs, log, signal: stopping.signal });
    // Rejects where, once the bus is back, another agent has the name.
    await Promise.race([aborted(signal), busName.owned.then(() => aborted(signal))]);
    await notify(env, 'STOPPING=1', log);
    await reloads.idle();
    await manager.stop();
    stopping.abort();
    if (!(await within(patienceMs, Promise.all([requestCache.ended, shared.ended(), beat.ended, busName.ended]))))
      log('warning', 'Not everything ended in time; it ends with the process.');
    log('info', 'stopped.');
  } finally {
    await manager.stop();
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

function lookingAfter(manager: InstanceManager): string {
  const names = manager.supervisors().map(({ instance }) => `'${instance.name}'`);
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
