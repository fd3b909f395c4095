import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync, appendFileSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError } from '../../src/errors.js';
import type { run, RunResult } from '../../src/platform/run.js';

/** systemd as far as we see it, in a directory: no systemd runs where the tests do, and who uses it may be killed. */
export interface FakeSystemd {
  readonly run: typeof run;
  /** Every call so far, one line each, of every process that used the directory. */
  calls(): string[];
  state(unit: string): string;
  set(unit: string, state: 'active' | 'inactive' | 'failed'): void;
  timers(): string[];
  /** The time has come of the timers that begin so: they are gone. What they run, nobody runs here. */
  elapse(prefix: string): void;
}

/** `otherwise` runs what is none of systemd's programs; a call that begins with `failing` fails. */
export function fakeSystemd(
  directory: string,
  options: {
    readonly failing?: () => string | undefined;
    readonly onCall?: (call: string, when: 'before' | 'after') => void;
    readonly otherwise?: typeof run;
  } = {},
): FakeSystemd {
  const [units, timersIn, log] = ['units', 'timers', 'calls'].map((name) => path.join(directory, name)) as [string, string, string];
  for (const one of [units, timersIn]) mkdirSync(one, { recursive: true });
  const state = (unit: string) => (existsSync(path.join(units, unit)) ? readFileSync(path.join(units, unit), 'utf8') : 'unknown');
  const set = (unit: string, to: string) => {
    writeFileSync(path.join(units, unit), to);
  };
  const timers = () => readdirSync(timersIn).sort();
  const matching = (pattern: string) =>
    timers().filter((timer) => (pattern.includes('*') ? timer.startsWith(pattern.slice(0, pattern.indexOf('*'))) : timer === pattern));

  function systemctl([verb = '', ...rest]: readonly string[]): Partial<RunResult> {
    const target = rest.at(-1) ?? '';
    switch (verb) {
      case 'is-active': {
        const now = state(target);
        return now === 'unknown' ? { exitCode: 4, stdout: 'inactive\n' } : { exitCode: now === 'active' ? 0 : 3, stdout: `${now}\n` };
      }
      case 'list-units':
        return {
          stdout: matching(target)
            .map((timer) => `${timer} loaded active waiting\n`)
            .join(''),
        };
      case 'stop':
        for (const unit of rest) {
          if (unit.endsWith('.timer')) for (const timer of matching(unit)) rmSync(path.join(timersIn, timer));
          else set(unit, 'inactive');
        }
        return {};
      default:
        set(target, 'active');
        return {};
    }
  }

  return {
    state,
    set,
    timers,
    elapse: (prefix) => {
      for (const timer of matching(`${prefix}*`)) rmSync(path.join(timersIn, timer));
    },
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []),
    run: async (program, args, runOptions) => {
      if (program === 'logger') return { exitCode: 0, stdout: '', stderr: '' };
      if (program !== 'systemctl' && program !== 'systemd-run') {
        if (options.otherwise === undefined) throw new Error(`${program} is not to be run here`);
        return options.otherwise(program, args, runOptions);
      }
      const call = [program, ...args].join(' ');
      options.onCall?.(call, 'before');
      appendFileSync(log, `${call}\n`);
      const failing = options.failing?.();
      if (failing !== undefined && call.startsWith(failing)) throw new HsmongerError('COMMAND_FAILED', `${failing} failed.`);
      const answer = program === 'systemctl' ? systemctl(args) : {};
      if (program === 'systemd-run')
        writeFileSync(path.join(timersIn, `${args[0]?.replace('--unit=', '') ?? ''}.timer`), args.slice(1).join(' '));
      options.onCall?.(call, 'after');
      return { exitCode: 0, stdout: '', stderr: '', ...answer };
    },
  };
}
