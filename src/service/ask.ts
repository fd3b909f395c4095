import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { Instance, InstanceSite, PinSource } from '../config/instance.js';
import { sessionsOf } from '../config/token-of.js';
import { tokensOf } from '../config/token-views.js';
import { HsmongerError } from '../errors.js';
import { installation } from '../platform/installation.js';
import { runningAsRoot } from '../platform/service-user.js';
import { parseProgress, parseReply, replyDescriptor, type Progress, type Reply, type WorkOrder } from './order.js';
import { taskFacts } from './task-facts.js';
import type { TaskInput, TaskName, TaskOutput } from './tasks.js';
import { unanswered } from './unanswered.js';
import { encode } from './wire.js';

export interface AskOptions {
  /** Milliseconds without a sign of life: the answer, or progress. A networked HSM can take many seconds for one login. Default patienceMs(). */
  readonly timeoutMs?: number;
  /** For tasks that tell how far they are. */
  readonly onProgress?: (progress: Progress) => void;
  /** Aborted: the task is interrupted. One that minds ends early and answers with what it has done; any other ends at once. */
  readonly signal?: AbortSignal;
  /** A PIN for a source that is an environment variable, by its name, instead of what the environment has. It travels on stdin. */
  readonly pins?: Readonly<Record<string, string>>;
}

/** Runs one task as the instance's service user, in a child that has dropped for good, and gives its result or its HsmongerError. */
export async function askService<K extends TaskName>(
  to: InstanceSite,
  task: K,
  input: TaskInput<K>,
  options: AskOptions = {},
): Promise<TaskOutput<K>> {
  const order: WorkOrder = {
    instance: to.instance,
    directories: to.directories,
    task,
    input,
    env: { ...pinVariables(to.instance), ...options.pins },
  };
  const reply = await converse(order, { timeoutMs: patienceMs(task), ...options });
  if (reply.ok) return reply.value as TaskOutput<K>;
  throw new HsmongerError(reply.code, reply.message, reply.trace === undefined ? {} : { cause: reply.trace });
}

/** Milliseconds a task has to say something. */
export function patienceMs(task: TaskName): number {
  return taskFacts[task].makesKey === true ? 1_800_000 : 300_000;
}

/** The variables the PIN sources of the instance's tokens name, to travel on a pipe: a child's environment can be read by others. */
export function pinVariables(instance: Instance): WorkOrder['env'] {
  return Object.assign({}, ...tokensOf(instance).map(({ pin }) => variablesOf(pin))) as WorkOrder['env'];
}

function variablesOf(pin: PinSource): WorkOrder['env'] {
  switch (pin.from) {
    case 'file':
      return {};
    case 'environment':
      return { [pin.variable]: process.env[pin.variable] };
    case 'unlocked':
      // Root's credentials are root's alone, and a PIN that was locked away must stay so for the agent's workers too.
      return runningAsRoot() ? {} : { CREDENTIALS_DIRECTORY: process.env['CREDENTIALS_DIRECTORY'] };
  }
}

const maxReplyBytes = 64 * 1024 * 1024;
const lineEnd = 0x0a;
/** A process the module forked may hold the descriptor open for ever: the reply is complete when the child has ended. */
const graceMs = 500;

function converse(
  order: WorkOrder,
  { timeoutMs, onProgress, signal: interrupted }: AskOptions & { readonly timeoutMs: number },
): Promise<Reply> {
  const { user, drop } = order.instance;
  const worker = [process.execPath, path.join(installation().addons, 'worker.cjs')] as const;
  const [program, ...args] = drop === 'runuser' && runningAsRoot() ? (['runuser', '-u', user, '--', ...worker] as const) : worker;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      // What a module prints is no result of ours: it goes where messages go.
      stdio: ['pipe', 2, 2, 'pipe'],
      cwd: '/',
      env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8', UV_THREADPOOL_SIZE: String(threads(order.instance)) },
    });
    const giveUp = () => {
      child.kill('SIGKILL');
    };
    let patience = setTimeout(giveUp, timeoutMs);
    const interrupt = () => {
      child.kill('SIGINT');
    };
    if (interrupted?.aborted === true) interrupt();
    interrupted?.addEventListener('abort', interrupt);
    const reply = child.stdio[replyDescriptor] as Readable;
    let chunks: Buffer[] = [];
    let bytes = 0;
    /** Of them, what is kept: parts that were handed over are not. */
    let kept = 0;
    reply.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      kept += chunk.length;
      if (kept > maxReplyBytes) giveUp();
      else chunks.push(chunk);
      if (!chunk.includes(lineEnd)) return;
      const text = Buffer.concat(chunks);
      const end = text.lastIndexOf(lineEnd);
      const told = text
        .subarray(0, end)
        .toString('utf8')
        .split('\n')
        .map(parseProgress)
        .filter((progress) => progress !== undefined);
      if (told.length === 0) return;
      clearTimeout(patience);
      patience = setTimeout(giveUp, timeoutMs);
      chunks = [text.subarray(end + 1)];
      kept = text.length - end - 1;
      for (const progress of told) onProgress?.(progress);
    });
    child.on('error', (error) => {
      clearTimeout(patience);
      reject(new HsmongerError('INTERNAL', `Cannot start ${program} for work as user '${user}': ${error.message}.`, { cause: error }));
    });
    const settle = (code: number | null, signal: NodeJS.Signals | null) => {
      reply.destroy();
      clearTimeout(patience);
      interrupted?.removeEventListener('abort', interrupt);
      try {
        resolve(parseReply(Buffer.concat(chunks).toString('utf8')));
      } catch (error) {
        if (signal === 'SIGINT') {
          reject(
            new HsmongerError(
              'INTERRUPTED',
              `Interrupted during '${order.task}'; what was done by then is kept, and the same command goes on from there.`,
            ),
          );
          return;
        }
        if (kept > maxReplyBytes) {
          reject(
            new HsmongerError(
              'INTERNAL',
              `The process working as user '${user}' answered '${order.task}' with more than ${String(maxReplyBytes / 1024 / 1024)} MiB, which nobody reads; what it has done is done.`,
              { cause: error },
            ),
          );
          return;
        }
        const how =
          signal === 'SIGKILL'
            ? `gave no answer within ${String(timeoutMs / 1000)} seconds or was killed`
            : `ended with ${signal ?? `status ${String(code)}`}`;
        reject(unanswered(order, how, error));
      }
    };
    child.on('exit', (code, signal) => {
      // A descriptor mostly closes before its process is gone; 'close' is then over and comes no more.
      if (reply.closed) {
        settle(code, signal);
        return;
      }
      let grace: NodeJS.Timeout;
      // While the caller works on a part the rest of the reply waits to be read.
      const linger = (seen: number) => {
        grace = setTimeout(() => {
          if (bytes === seen) settle(code, signal);
          else linger(bytes);
        }, graceMs);
      };
      linger(bytes);
      reply.once('close', () => {
        clearTimeout(grace);
        settle(code, signal);
      });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(encode(order));
  });
}

/**
 * libuv's four threads are for files and names of hosts; each signature in progress takes one for as long as the HSM takes. A network HSM
 * with 16 sessions signs with four threads a quarter of what it could. A thread that is never used costs nothing: they begin with the first
 * work.
 */
function threads({ token }: Instance): number {
  return 4 + (token === undefined ? 0 : sessionsOf(token));
}
