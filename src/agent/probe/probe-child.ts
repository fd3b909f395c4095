import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { installation } from '../../platform/installation.js';
import { runningAsRoot } from '../../platform/service-user.js';
import { replyDescriptor } from '../../service/order.js';
import { encode } from '../../service/wire.js';
import { readLines } from '../read-lines.js';
import { parseProbeLine, type HowToLook, type ProbeLine, type ProbeOrder } from './probe-line.js';

export type LookLine = Extract<ProbeLine, { kind: 'look' }>;

export interface ProbeChild {
  readonly pid: number | undefined;
  /** One look at a time. Rejects where the process hangs, which ends it, or ends. */
  look(how: HowToLook): Promise<LookLine>;
  /** Once it is gone: an HsmongerError that says why, unless it was told to stop. */
  readonly ended: Promise<HsmongerError | undefined>;
  stop(): void;
}

const maxLine = 1024 * 1024;
const graceMs = 2000;

/** Starts the process that looks; it dies with this one. `silenceMs`: how long it may take over a single step of a look. */
export function startProbeChild(order: ProbeOrder, silenceMs: number): ProbeChild {
  const { instance } = order;
  const process_ = [process.execPath, path.join(installation().addons, 'prober.cjs')] as const;
  const throughPam = instance.drop === 'runuser' && runningAsRoot();
  const [program, ...args] = throughPam ? (['runuser', '-u', instance.user, '--', ...process_] as const) : process_;
  const child = spawn(program, args, {
    // What a module prints is no word of ours: it goes where messages go.
    stdio: ['pipe', 2, 2, 'pipe'],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8' },
    // runuser waits for its child: a group of its own, so that both can be ended.
    detached: throughPam,
  });
  const kill = () => {
    if (!throughPam || child.pid === undefined) return void child.kill('SIGKILL');
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  let reason: HsmongerError | undefined;
  let stopped = false;
  let waiting:
    | { readonly resolve: (line: LookLine) => void; readonly reject: (why: HsmongerError) => void; readonly silence: NodeJS.Timeout }
    | undefined;

  const settled = () => {
    const was = waiting;
    waiting = undefined;
    clearTimeout(was?.silence);
    return was;
  };
  const giveUp = (why: string) => {
    reason ??= new HsmongerError('TOKEN_FAILED', `The process that looks after ${subject(order)} ${why}.`);
    settled()?.reject(reason);
    kill();
  };
  const onLine = (text: string) => {
    try {
      const line = parseProbeLine(text);
      switch (line.kind) {
        case 'step':
          return void waiting?.silence.refresh();
        case 'look':
          return settled()?.resolve(line);
        case 'end':
          reason ??= new HsmongerError('TOKEN_FAILED', line.message);
      }
    } catch (error) {
      giveUp(`said what is none of its words (${sentenceOf(error)})`);
    }
  };
  readLines(child.stdio[replyDescriptor] as Readable, maxLine, { giveUp, onLine });
  child.stdin?.on('error', () => undefined);
  // Kept open: its end tells the process that this one is gone.
  child.stdin?.write(`${encode(order)}\n`);
  const ended = new Promise<HsmongerError | undefined>((resolve) => {
    child.once('error', (error) => {
      giveUp(`could not be started: ${error.message}`);
      resolve(reason);
    });
    child.once('exit', (code, signal) => {
      reason ??= new HsmongerError(
        'TOKEN_FAILED',
        `The process that looks after ${subject(order)} ended with ${signal ?? `status ${String(code)}`}, as it does when the module crashes; it is started again.`,
      );
      settled()?.reject(reason);
      resolve(stopped ? undefined : reason);
    });
  });
  return {
    pid: child.pid,
    ended,
    look: (how) =>
      new Promise((resolve, reject) => {
        if (reason !== undefined) {
          reject(reason);
          return;
        }
        const silence = setTimeout(() => {
          giveUp(
            `gave no answer within ${String(silenceMs / 1000)} seconds and was ended, as it is when the module hangs; check the HSM and its module`,
          );
        }, silenceMs);
        waiting = { resolve, reject, silence };
        child.stdin?.write(`${encode(how)}\n`);
      }),
    stop() {
      stopped = true;
      child.stdin?.end();
      const force = setTimeout(kill, graceMs);
      void ended.then(() => {
        clearTimeout(force);
      });
    },
  };
}

function subject({ instance }: ProbeOrder): string {
  return instance.token === undefined
    ? `instance '${instance.name}'`
    : `instance '${instance.name}' through the PKCS#11 module ${instance.token.module}`;
}
