import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installation } from '../../src/platform/installation.js';
import { startBus } from '../rig/bus.js';
import { startCertmonger } from '../rig/certmonger.js';
import { stopAtExit, stopProcess } from '../rig/processes.js';
import { manyRequests } from './many-requests.js';
import { program } from './program.js';
import { interleave } from './rounds.js';
import { compare, limit, type Comparison } from './row.js';
import type { Site } from './site.js';
import { linkCertmonger } from '../../src/agent/certmonger-link.js';
import { createPicture } from '../../src/agent/picture/create-picture.js';

/** Seconds the agent is left alone before its idle minute, and that minute. */
const settleSeconds = 30;
const idleSeconds = 60;
const ticksPerSecond = 100;
const targets = { timesFaster: 10, idlePercent: 0.2, megabytes: 120 } as const;

/** The daemon beside a certmonger with so many requests: how soon its picture is complete, and what it costs when nothing happens. */
export async function benchAgent(site: Site, count: number, rounds: number, say: (line: string) => void): Promise<Comparison[]> {
  const directory = path.join(site.directory, 'agent');
  mkdirSync(directory);
  const bus = await startBus(directory);
  try {
    await manyRequests(site, bus, directory, count);
    say(`starting certmonger with ${String(count)} requests`);
    const certmonger = await startCertmonger({ directory, bus, token: site.token, patience: 600 });
    try {
      const { ours, peer } = await interleave(rounds, {
        ours: async () => {
          const found = await completePicture(bus.address);
          if (found !== count) throw new Error(`The picture has ${String(found)} of ${String(count)} requests.`);
        },
        peer: () => { program('getcert', ['list', '-s'], { env: { LC_ALL: 'C', DBUS_SESSION_BUS_ADDRESS: bus.address } }); },
      });
      return [compare(`agent: ${String(count)} requests: getcert list / the picture complete, connection included`, { timesFaster: targets.timesFaster }, ours, peer), ...(await idle(site, bus.address, say))];
    } finally {
      await certmonger.stop();
    }
  } finally {
    await bus.stop();
  }
}

async function completePicture(address: string): Promise<number> {
  const end = new AbortController();
  const link = linkCertmonger(address, {}, (change) => { picture.heard(change); });
  const picture = createPicture({ certmonger: link, log: () => undefined, signal: end.signal });
  await new Promise<void>((resolve) => {
    picture.onChange((change) => {
      if (change.kind === 'certmonger' && change.running) resolve();
    });
  });
  const found = picture.requests()?.length ?? 0;
  end.abort();
  await picture.ended;
  link.close();
  return found;
}

async function idle(site: Site, address: string, say: (line: string) => void): Promise<Comparison[]> {
  const agent = spawn(path.join(installation().executables, 'hsmonger'), ['agent', '--bus', address, ...site.flags], { stdio: ['ignore', 'ignore', 'inherit'], env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' } });
  stopAtExit(agent);
  const pid = agent.pid ?? -1;
  try {
    say(`leaving the agent alone for ${String(settleSeconds + idleSeconds)} s`);
    await sleep(settleSeconds * 1000);
    const first = { memory: megabytes(pid), ticks: ticks(pid), at: performance.now() };
    await sleep(idleSeconds * 1000);
    const seconds = (performance.now() - first.at) / 1000;
    const percent = ((ticks(pid) - first.ticks) / ticksPerSecond / seconds) * 100;
    const last = megabytes(pid);
    for (const child of tree(pid)) say(`${String(child)} ${commandLine(child)}: ${residentOf(child).toFixed(1)} MB`);
    return [
      limit('agent: CPU of its processes in an idle minute', '%', percent, targets.idlePercent),
      limit('agent: resident, itself, once it has settled', 'MB', first.memory, targets.megabytes),
      limit('agent: resident, itself, after an idle minute', 'MB', last, targets.megabytes),
    ];
  } finally {
    await stopProcess(agent, 'SIGTERM');
  }
}

/** The process and all that descend from it. */
function tree(pid: number): number[] {
  const children = readdirSync(`/proc/${String(pid)}/task`).flatMap((task) => readFileSync(`/proc/${String(pid)}/task/${task}/children`, 'utf8').trim().split(' ').filter((word) => word !== '').map(Number));
  return [pid, ...children.flatMap(tree)];
}

/** User and system time, of children that have ended too (proc(5), stat: utime, stime, cutime, cstime). */
function ticks(pid: number): number {
  return tree(pid).reduce((sum, each) => {
    const fields = readFileSync(`/proc/${String(each)}/stat`, 'utf8').replace(/^.*\) /u, '').split(' ');
    return sum + [11, 12, 13, 14].reduce((own, index) => own + Number(fields[index]), 0);
  }, 0);
}

function megabytes(pid: number): number {
  return residentOf(pid);
}

function residentOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) / 1024;
}

function commandLine(pid: number): string {
  return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').split('\0').slice(0, 3).join(' ');
}
