import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { sentenceOf } from '../../../errors.js';
import { accountOf } from '../../../platform/service-user.js';
import { distrustOf } from '../../../platform/trusted-path.js';
import type { AgentEvent } from '../../report/events.js';

export interface Command {
  readonly program: string;
  /** Whom it runs as, with that user's own group alone. */
  readonly user: string;
  readonly timeoutMs: number;
}

const maxSaid = 2000;
const lastWordsMs = 1000;

/**
 * Runs the administrator's program for one event: no shell, no arguments, an environment of nothing but PATH, the event as a line of JSON
 * on its standard input. Throws a sentence where it cannot be run, fails, or takes too long; then it is ended with all it started.
 */
export async function runCommand({ program, user, timeoutMs }: Command, event: AgentEvent, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const distrust = distrustOf(program);
  if (distrust !== undefined) throw new Error(`${distrust}; chown root and chmod go-w what is named`);
  const { uid, gid, home } = accountOf(user);
  await new Promise<void>((resolve, reject) => {
    // A group of its own, so that all of it can be ended. With a uid given, the supplementary groups are dropped as well (libuv, uv_spawn).
    const child = spawn(program, [], {
      uid,
      gid,
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8', HOME: home },
    });
    let said = '';
    let why: string | undefined;
    const end = (reason: string) => {
      why ??= reason;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    const limit = setTimeout(() => {
      end(`took more than ${String(timeoutMs / 1000)} seconds and was ended`);
    }, timeoutMs);
    const stop = () => {
      end('was ended with the agent');
    };
    signal.addEventListener('abort', stop, { once: true });
    const over = () => {
      clearTimeout(limit);
      signal.removeEventListener('abort', stop);
      child.stderr.destroy();
    };
    child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => {
        said = (said + text).slice(-maxSaid);
      })
      .on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${JSON.stringify({ ...event, host: hostname() })}\n`);
    child.once('error', (error) => {
      over();
      reject(new Error(`could not be started (${sentenceOf(error)})`));
    });
    child.once('exit', (code, killedBy) => {
      // What it said last is on its way; what it left running may never say that it is.
      void Promise.race([once(child.stderr, 'close'), sleep(lastWordsMs)]).then(() => {
        over();
        if (why === undefined && code === 0) resolve();
        else reject(new Error(why ?? `ended with ${killedBy ?? `status ${String(code)}`}${said.trim() === '' ? '' : `: ${said.trim()}`}`));
      });
    });
  });
}
