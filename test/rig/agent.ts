import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installation } from '../../src/platform/installation.js';
import { stopAtExit } from './processes.js';

/** dist/hsmonger agent, with the capabilities its unit leaves it and no others. */
export interface RunningAgent {
  readonly pid: number;
  /** Everything it said. */
  log(): string;
  /** Until it says this; gives milliseconds since the Unix epoch. Throws with all it said after `patienceMs`. */
  until(words: RegExp, patienceMs: number): Promise<number>;
  /** Process ids of the children that run this bundle of dist/lib, such as 'watcher.cjs'; all of them without one. */
  children(bundle?: string): number[];
  watchers(): number[];
  /** SIGHUP. */
  reload(): void;
  /** SIGTERM; gives the exit code, or the signal that ended it, once all it said is known. */
  stop(): Promise<number | NodeJS.Signals | null>;
}

const unit = path.resolve(import.meta.dirname, '../../packaging/systemd/hsmonger-agent.service');

/** The environment the unit gives the agent, and no more than systemd's own. */
export function unitEnvironment(): Record<string, string> {
  const [, name = '', value = ''] = /^Environment=(\w+)=(.*)$/mu.exec(readFileSync(unit, 'utf8')) ?? [];
  return { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', [name]: value };
}

export interface AgentRun {
  /** Default that of the build. */
  readonly program?: string;
  /** The command line that runs a program where the agent shall be, in the same process; default here. */
  readonly command?: (program: string, args: readonly string[]) => readonly [string, readonly string[]];
}

export function startAgent(flags: readonly string[], env: Readonly<Record<string, string>> = {}, run: AgentRun = {}): RunningAgent {
  const {
    program = path.join(installation().executables, 'hsmonger'),
    command = (...whole: readonly [string, readonly string[]]) => whole,
  } = run;
  const capabilities =
    /^CapabilityBoundingSet=(.*)$/mu.exec(readFileSync(unit, 'utf8'))?.[1]?.toLowerCase().replace(/cap_/gu, '+').replace(/ /gu, ',') ?? '';
  // exec: the process is the agent in the end, so signals reach it.
  const [file, args] = command('setpriv', ['--bounding-set', `-all,${capabilities}`, '--no-new-privs', program, 'agent', ...flags]);
  const child: ChildProcess = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...unitEnvironment(), ...env } });
  stopAtExit(child);
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ending = () => child.exitCode ?? child.signalCode;
  const pid = child.pid ?? -1;
  const children: RunningAgent['children'] = (bundle = '') =>
    readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter((word) => word !== '')
      .map(Number)
      .filter((one) => commandLine(one).includes(bundle));
  return {
    pid,
    log: () => said,
    async until(words, patienceMs) {
      for (const end = Date.now() + patienceMs; !words.test(said); await sleep(10)) {
        if (Date.now() > end || child.exitCode !== null || child.signalCode !== null)
          throw new Error(`The agent did not say ${String(words)} within ${String(patienceMs / 1000)} s but:\n${said}`);
      }
      return Date.now();
    },
    children,
    watchers: () => children('watcher.cjs'),
    reload: () => {
      child.kill('SIGHUP');
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return ending();
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await ended;
      clearTimeout(patience);
      return ending();
    },
  };
}

/** '' for one that has just ended. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
