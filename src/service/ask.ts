import { spawn } from 'node:child_process';
import path from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { Directories, Instance } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import { installation } from '../platform/installation.js';
import type { Reply, WorkOrder } from './order.js';
import type { TaskInput, TaskName, TaskOutput } from './tasks.js';

export interface AskOptions {
  /** Milliseconds; a networked HSM can take many seconds for one login. Default 300 000. */
  readonly timeoutMs?: number;
}

/** Runs one task as the instance's service user, in a child that has dropped for good, and gives its result or its HsmongerError. */
export async function askService<K extends TaskName>(
  to: { readonly instance: Instance; readonly directories: Directories },
  task: K,
  input: TaskInput<K>,
  options: AskOptions = {},
): Promise<TaskOutput<K>> {
  const order: WorkOrder = { instance: to.instance, directories: to.directories, task, input, env: pinVariables(to.instance) };
  const reply = await converse(order, options.timeoutMs ?? 300_000);
  if (reply.ok) return reply.value as TaskOutput<K>;
  throw new HsmongerError(reply.code, reply.message, { cause: reply.trace });
}

function pinVariables({ token }: Instance): WorkOrder['env'] {
  switch (token.pin.from) {
    case 'file':
      return {};
    case 'environment':
      return { [token.pin.variable]: process.env[token.pin.variable] };
    case 'credential':
      return { CREDENTIALS_DIRECTORY: process.env['CREDENTIALS_DIRECTORY'] };
  }
}

function converse(order: WorkOrder, timeoutMs: number): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(installation().addons, 'worker.cjs')], {
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: '/',
      env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8' },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) => {
      reject(new HsmongerError('INTERNAL', `Cannot start ${process.execPath} for work as user '${order.instance.user}': ${error.message}.`, { cause: error }));
    });
    child.on('close', (code, signal) => {
      try {
        resolve(deserialize(Buffer.concat(chunks)) as Reply);
      } catch (error) {
        const how = signal === 'SIGKILL' ? `gave no answer within ${String(timeoutMs / 1000)} seconds or was killed` : `ended with ${signal ?? `status ${String(code)}`}`;
        reject(new HsmongerError('TOKEN_FAILED', `The process working as user '${order.instance.user}' ${how} during '${order.task}'. A PKCS#11 module that crashes or hangs does this; check ${order.instance.token.module}.`, { cause: error }));
      }
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(serialize(order));
  });
}
