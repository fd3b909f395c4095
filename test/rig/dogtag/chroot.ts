import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, type RunOptions, type RunResult } from '../../../src/platform/run.js';
import { stopAtExit, stopProcess, tied } from '../processes.js';

/** The name of the machine the rig plays. */
export const hostName = 'pki.example.test';

const parts = path.join(import.meta.dirname);

/** A chroot that runs in mount, pid, net and uts namespaces of its own: only loopback, so that several never clash. */
export interface Chroot {
  readonly root: string;
  /** Its pid 1, as this machine sees it. */
  readonly init: number;
  /** Runs a program of the chroot, as root of the chroot. */
  inside(program: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Runs a program of this machine where the rig's network, its host name and its units are: systemctl there acts on the chroot. */
  enter(program: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** The command line of enter(), for those that start programs themselves; whatever it starts has the pid that was spawned. */
  command(program: string, args: readonly string[]): readonly [string, readonly string[]];
  /** Ends every process in it. */
  stop(): Promise<void>;
}

/**
 * Brings the namespaces up, with nothing running in them. Everything in them ends with the thread that called, even when that is killed.
 * Needs root.
 */
export async function startChroot(root: string): Promise<Chroot> {
  for (const directory of ['run', 'tmp']) rmSync(path.join(root, directory), { recursive: true, force: true });
  mkdirSync(path.join(root, 'run/lock'), { recursive: true });
  mkdirSync(path.join(root, 'tmp'));
  chmodSync(path.join(root, 'tmp'), 0o1777);
  writeFileSync(path.join(root, 'etc/hosts'), `127.0.0.1 localhost ${hostName}\n::1 localhost\n`);
  installSystemctl(root);
  // unshare(1) ignores SIGTERM; its --kill-child takes pid 1 with it, and with that everything in the namespace.
  const outer = await holder('unshare', [
    '--mount',
    '--pid',
    '--net',
    '--uts',
    '--fork',
    '--kill-child',
    '--',
    'sh',
    path.join(parts, 'namespaces.sh'),
    root,
    hostName,
  ]);
  const init = Number(readFileSync(`/proc/${String(outer.pid)}/task/${String(outer.pid)}/children`, 'utf8').trim());
  const view = await holder('nsenter', [
    `--target=${String(init)}`,
    '--net',
    '--uts',
    '--',
    'unshare',
    '--mount',
    '--',
    'sh',
    path.join(parts, 'host-view.sh'),
    path.join(root, 'etc/hosts'),
    writeForwarders(root, init),
    path.join(root, 'run/rig/due'),
  ]);
  const command: Chroot['command'] = (program, args) => [
    'nsenter',
    [`--target=${String(view.pid)}`, '--mount', '--net', '--uts', '--', program, ...args],
  ];
  return {
    root,
    init,
    inside: (program, args, options = {}) =>
      run('nsenter', [...intoChroot(init), program, ...args], {
        ...options,
        env: { HOME: '/root', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...options.env },
      }),
    enter: (program, args, options) => run(...mutable(command(program, args)), options),
    command,
    stop: async () => {
      await stopProcess(view, 'SIGKILL');
      await stopProcess(outer, 'SIGKILL');
      // The kernel ends pid 1 after unshare(1), and takes a moment to end what is in there.
      while (existsSync(`/proc/${String(init)}`)) await sleep(20);
    },
  };
}

const intoChroot = (init: number): string[] => [`--target=${String(init)}`, '--mount', '--pid', '--net', '--uts', '--root', '--wd', '--'];
const mutable = ([program, args]: readonly [string, readonly string[]]): [string, readonly string[]] => [program, args];

function installSystemctl(root: string): void {
  const programs = path.join(root, 'usr/local/bin');
  copyFileSync(path.join(parts, 'systemctl.sh'), path.join(programs, 'systemctl'));
  chmodSync(path.join(programs, 'systemctl'), 0o755);
  rmSync(path.join(programs, 'systemd-run'), { force: true });
  symlinkSync('systemctl', path.join(programs, 'systemd-run'));
}

/** What a program run by enter() finds as systemctl, systemd-run and logger; gives their directory. */
function writeForwarders(root: string, init: number): string {
  const directory = path.join(root, 'run/host-programs');
  mkdirSync(directory, { recursive: true });
  const forward = (name: string) =>
    `exec nsenter ${intoChroot(init).join(' ')} env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ${name} "$@"`;
  const scripts = {
    systemctl: forward('systemctl'),
    'systemd-run': forward('systemd-run'),
    logger: `printf '%s\\n' "$*" >>'${root}/var/log/rig-logger.log'`,
  };
  for (const [name, line] of Object.entries(scripts)) writeFileSync(path.join(directory, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return directory;
}

/** A process that holds namespaces: there once it has written "ready", killed by the kernel when the thread that started it is gone. */
async function holder(program: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(...tied(program, args), { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
  stopAtExit(child);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error(`The rig's namespaces did not come up; they need root. ${program}: ${said.trim()}`);
    }),
  ]);
  return child;
}
