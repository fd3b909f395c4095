import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installation } from '../../src/platform/installation.js';
import { unitEnvironment } from '../rig/agent.js';
import { stopAtExit, stopProcess } from '../rig/processes.js';
import type { Site } from '../rig/site.js';
import { program } from './program.js';
import { interleave } from './rounds.js';
import { compare, limit, summarise, type Comparison } from './row.js';
import { watchedSite } from './watched-site.js';
import { linkCertmonger } from '../../src/agent/certmonger-link.js';
import { createRequestCache } from '../../src/agent/requests/create-request-cache.js';

/** Seconds the agent is left alone before its idle minutes, and those. */
const settleSeconds = 60;
const idleMinutes = 3;
const ticksPerSecond = 100;
const targets = { timesFaster: 10, idlePercent: 0.2, megabytes: 120 } as const;

/**
 * The daemon beside a certmonger with so many requests, all of them named in an instance file: how soon its request cache is complete, and what
 * it costs when nothing happens.
 */
export async function benchAgent(count: number, rounds: number, say: (line: string) => void): Promise<Comparison[]> {
  const watched = await watchedSite(count, say);
  try {
    const { bus } = watched.site;
    const { ours, peer } = await interleave(rounds, {
      ours: async () => {
        const found = await completePicture(bus.address);
        if (found !== count) throw new Error(`The requestCache has ${String(found)} of ${String(count)} requests.`);
      },
      peer: () => {
        program('getcert', ['list', '-s'], { env: { LC_ALL: 'C', DBUS_SESSION_BUS_ADDRESS: bus.address } });
      },
    });
    return [
      compare(
        `agent: ${String(count)} requests: getcert list / the requestCache complete, connection included`,
        { timesFaster: targets.timesFaster },
        ours,
        peer,
      ),
      ...(await idle(watched.site, say)),
    ];
  } finally {
    await watched.stop();
  }
}

async function completePicture(address: string): Promise<number> {
  const end = new AbortController();
  const link = linkCertmonger(address, {}, (change) => {
    requestCache.heard(change);
  });
  const requestCache = createRequestCache({ certmonger: link, log: () => undefined, signal: end.signal });
  await new Promise<void>((resolve) => {
    requestCache.onChange((change) => {
      if (change.kind === 'certmonger' && change.running) resolve();
    });
  });
  const found = requestCache.requests()?.length ?? 0;
  end.abort();
  await requestCache.ended;
  link.close();
  return found;
}

async function idle({ bus, configDir, stateDir }: Site, say: (line: string) => void): Promise<Comparison[]> {
  const agent = spawn(
    path.join(installation().executables, 'hsmonger'),
    ['agent', '--bus', bus.address, '--config-dir', configDir, '--state-dir', stateDir],
    { stdio: ['ignore', 'ignore', 'inherit'], env: unitEnvironment() },
  );
  stopAtExit(agent);
  const pid = agent.pid ?? -1;
  try {
    say(`leaving the agent alone for ${String(settleSeconds + idleMinutes * 60)} s`);
    await sleep(settleSeconds * 1000);
    const first = megabytes(pid);
    const minutes: number[] = [];
    for (let minute = 0; minute < idleMinutes; minute++) {
      const [before, start] = [ticks(pid), performance.now()];
      await sleep(60_000);
      minutes.push(((ticks(pid) - before) / ticksPerSecond / ((performance.now() - start) / 1000)) * 100);
    }
    say(`CPU of its processes, minute by minute: ${minutes.map((percent) => `${percent.toFixed(3)} %`).join(', ')}`);
    for (const child of tree(pid)) say(`${String(child)} ${commandLine(child)}: ${megabytes(child).toFixed(1)} MB`);
    return [
      limit('agent: CPU of its processes in an idle minute', '%', summarise(minutes).median, targets.idlePercent),
      limit('agent: resident, itself, once it has settled', 'MB', first, targets.megabytes),
      limit('agent: resident, itself, after the idle minutes', 'MB', megabytes(pid), targets.megabytes),
    ];
  } finally {
    await stopProcess(agent, 'SIGTERM');
  }
}

/** The process and all that descend from it. */
function tree(pid: number): number[] {
  const children = readdirSync(`/proc/${String(pid)}/task`).flatMap((task) =>
    readFileSync(`/proc/${String(pid)}/task/${task}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter((word) => word !== '')
      .map(Number),
  );
  return [pid, ...children.flatMap(tree)];
}

/** User and system time, of children that have ended too (proc(5), stat: utime, stime, cutime, cstime). */
function ticks(pid: number): number {
  return tree(pid).reduce((sum, each) => {
    const fields = readFileSync(`/proc/${String(each)}/stat`, 'utf8')
      .replace(/^.*\) /u, '')
      .split(' ');
    return sum + [11, 12, 13, 14].reduce((own, index) => own + Number(fields[index]), 0);
  }, 0);
}

function megabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) / 1024;
}

function commandLine(pid: number): string {
  return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')
    .split('\0')
    .slice(0, 3)
    .join(' ');
}
