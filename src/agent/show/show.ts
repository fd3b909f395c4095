import { lstatSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentConf } from '../../config/agent-conf.js';
import { sentenceOf } from '../../errors.js';
import { run } from '../../platform/run.js';
import { createBackOff } from '../timing/back-off.js';
import type { Part } from '../instances/instance-context.js';
import { createTroubleLog, type Log } from '../log.js';
import type { AgentSnapshot } from '../report/snapshot.js';
import { certmongerEnabled } from './enabled.js';
import { listenersOf, nameOf, type Listener } from './order.js';
import { startShowChild } from './start-child.js';
import { writeTextfile } from './textfile.js';

export interface ShowGiven {
  readonly conf: Pick<AgentConf, 'metrics' | 'page' | 'user' | 'access'>;
  readonly snapshot: () => AgentSnapshot;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** What scrapes reads it about as often. */
const textfileMs = 15_000;
const enabledMs = 10 * 60_000;
const pauses = { firstMs: 1000, mostMs: 60_000 };
/** It was well for so long, so its next end is a first one again. */
const wellMs = 60_000;

/** Metrics and page, as agent.conf has them; where it has none, nothing. */
export function startShow(given: ShowGiven): Part {
  const { conf, log, signal } = given;
  const listeners = listenersOf(conf);
  const { textfile } = conf.metrics;
  if (listeners.length === 0 && textfile === undefined) return { ended: Promise.resolve() };
  let enabled: boolean | undefined;
  const look = async () => {
    enabled = await certmongerEnabled();
  };
  const snapshot = () => {
    const now = given.snapshot();
    return enabled === undefined ? now : { ...now, certmonger: { enabled, ...now.certmonger } };
  };
  const work = [
    again(look, enabledMs, signal),
    ...(listeners.length === 0 ? [] : [listen(listeners, snapshot, given)]),
    ...(textfile === undefined ? [] : [keepTextfile(textfile, snapshot, log, signal)]),
  ];
  return { ended: Promise.all(work).then(() => undefined) };
}

async function listen(listeners: readonly Listener[], snapshot: () => AgentSnapshot, { conf, log, signal }: ShowGiven): Promise<void> {
  const trouble = createTroubleLog(log);
  const backOff = createBackOff(pauses);
  const names = listeners.map(({ at, serves }) => `${serves.join(' and ')} at ${nameOf(at)}`).join(', ');
  let told = false;
  while (!signal.aborted) {
    const started = performance.now();
    const why = await once();
    if (why === undefined) break;
    trouble.trouble(`${why} It is started again.`);
    if (performance.now() - started > wellMs) backOff.reset();
    await pause(backOff.next(), signal);
  }
  for (const { at } of listeners) if ('socket' in at) removeSocket(at.socket);

  async function once(): Promise<string | undefined> {
    let gid: number | undefined;
    try {
      gid = conf.access.group === undefined ? undefined : await groupId(conf.access.group);
    } catch (error) {
      return sentenceOf(error);
    }
    if (signal.aborted) return undefined;
    const child = startShowChild(
      { user: conf.user, listeners, host: hostname(), ...(gid === undefined ? {} : { gid }) },
      {
        snapshot,
        onListening: () => {
          if (!told) log('info', `${names}, shown as user '${conf.user}'.`);
          told = true;
          trouble.over(`${names} is shown again.`);
        },
      },
    );
    signal.addEventListener('abort', child.stop, { once: true });
    const why = await child.ended;
    signal.removeEventListener('abort', child.stop);
    return why;
  }
}

async function keepTextfile(file: string, snapshot: () => AgentSnapshot, log: Log, signal: AbortSignal): Promise<void> {
  const trouble = createTroubleLog(log);
  // Loaded where it is needed: whoever listens renders in a process of its own.
  const { metricsOf } = await import('./metrics/metrics.js');
  await again(
    async () => {
      try {
        writeTextfile(file, await metricsOf(snapshot()));
        trouble.over(`The metrics are written to ${file} again.`);
      } catch (error) {
        trouble.trouble(`The metrics cannot be written to ${file}: ${sentenceOf(error)}. It is tried again.`);
      }
    },
    textfileMs,
    signal,
  );
}

async function again(work: () => Promise<void>, everyMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await work();
    await pause(everyMs, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** As the system's group database (files, sssd, …) has it. */
async function groupId(group: string): Promise<number> {
  const { stdout } = await run('getent', ['group', group], { okExitCodes: [0, 2], timeoutMs: 10_000 });
  const gid = Number(stdout.split(':')[2] ?? NaN);
  if (!Number.isInteger(gid))
    throw new Error(`The group '${group}' of [access] in agent.conf does not exist; create it with groupadd, or name another.`);
  return gid;
}

/** Whoever listened had dropped and could not. */
function removeSocket(file: string): void {
  if (lstatSync(file, { throwIfNoEntry: false })?.isSocket() === true) rmSync(file, { force: true });
}
