import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readlinkSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { stopAtExit, stopProcess } from './processes.js';

/** Two network namespaces: each joined to ours by a link for clients, and to the other by one that can be cut. */
export interface PairOfNetworks {
  /** Program and arguments in front of a command that is to run in one of them. */
  inside(index: 0 | 1): readonly string[];
  /** Where clients of ours find it. */
  readonly addresses: readonly [string, string];
  /** Where the other finds it. */
  readonly peers: readonly [string, string];
  setLink(state: 'up' | 'down'): Promise<void>;
  stop(): Promise<void>;
}

const ip = (...args: string[]) => execa('ip', args, { timeout: 10_000 });

export async function joinNetworks(): Promise<PairOfNetworks> {
  // 198.18.0.0/15 is for measurements (RFC 2544): nobody's network. One /24 and one interface name for each rig.
  const net = await freeNet();
  const tag = net.split('.').slice(1).join('x');
  const holders = [await holder(), await holder()] as const;
  const inside = (index: 0 | 1) => ['nsenter', `--net=/proc/${String(holders[index].pid)}/ns/net`];
  const within = (index: 0 | 1, ...args: string[]) => execa('nsenter', [...inside(index).slice(1), 'ip', ...args], { timeout: 10_000 });
  const addresses = [`${net}.2`, `${net}.6`] as const;
  const peers = [`${net}.9`, `${net}.10`] as const;
  for (const index of [0, 1] as const) {
    const link = `rig${tag}${String(index)}`;
    await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'client', 'netns', String(holders[index].pid));
    await ip('addr', 'add', `${net}.${index === 0 ? '1' : '5'}/30`, 'dev', link);
    await ip('link', 'set', link, 'up');
    await within(index, 'link', 'set', 'lo', 'up');
    await within(index, 'addr', 'add', `${addresses[index]}/30`, 'dev', 'client');
    await within(index, 'link', 'set', 'client', 'up');
  }
  await within(0, 'link', 'add', 'peer', 'type', 'veth', 'peer', 'name', 'peer', 'netns', String(holders[1].pid));
  for (const index of [0, 1] as const) {
    await within(index, 'addr', 'add', `${peers[index]}/30`, 'dev', 'peer');
    await within(index, 'link', 'set', 'peer', 'up');
  }
  return {
    inside,
    addresses,
    peers,
    setLink: async (state) => {
      await within(0, 'link', 'set', 'peer', state);
    },
    // The links go with the namespaces, and those with the last process in them.
    stop: async () => {
      await Promise.all(holders.map((one) => stopProcess(one, 'SIGKILL')));
    },
  };
}

/** A process that does nothing but keep a namespace; it ends with this one even when that is killed. */
async function holder(): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', 'sleep', 'infinity'], { stdio: 'ignore', cwd: '/' });
  stopAtExit(child);
  const ours = readlinkSync('/proc/self/ns/net');
  for (let left = 200; left > 0; left--) {
    const file = `/proc/${String(child.pid)}/ns/net`;
    if (child.exitCode !== null) break;
    if (child.pid !== undefined && existsSync(file) && readlinkSync(file) !== ours) return child as ChildProcess & { readonly pid: number };
    await sleep(10);
  }
  throw new Error('No network namespace could be made: the rig with two suppliers needs root with CAP_NET_ADMIN and CAP_SYS_ADMIN.');
}

async function freeNet(): Promise<string> {
  const { stdout } = await ip('-o', '-4', 'addr');
  for (;;) {
    const net = `198.${String(18 + randomInt(2))}.${String(randomInt(256))}`;
    if (!stdout.includes(` ${net}.`)) return net;
  }
}
