import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { installation } from '../../platform/installation.js';
import { replyDescriptor } from '../../service/order.js';
import { encode } from '../../service/wire.js';
import { readLines } from '../read-lines.js';
import { parseWatcherLine, type WatcherLine } from './watcher-line.js';
import type { WatchOrder } from './watcher.js';

export interface WatchChild {
  /** Once it is gone: an HsmongerError that says why, unless it was told to stop. */
  readonly ended: Promise<HsmongerError | undefined>;
  stop(): void;
}

const maxLine = 1024 * 1024;
/** Beyond the poll, for calls that have limits of their own: a watcher that says nothing for so long hangs. */
const silenceMs = 180_000;
const graceMs = 2000;

/** Starts the process that watches the directory for one instance; it dies with this one. */
export function startWatcher(order: WatchOrder, onLine: (line: WatcherLine) => void): WatchChild {
  const child = spawn(process.execPath, [path.join(installation().addons, 'watcher.cjs')], {
    stdio: ['pipe', 2, 2, 'pipe'],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8' },
  });
  let reason: HsmongerError | undefined;
  let stopped = false;
  const giveUp = (why: string) => {
    reason ??= new HsmongerError(
      'DIRECTORY_UNAVAILABLE',
      `The process that watches the directory for instance '${order.instance.name}' ${why}.`,
    );
    child.kill('SIGKILL');
  };
  const silence = setTimeout(
    () => {
      giveUp('said nothing for minutes and was ended');
    },
    2 * order.pollMs + silenceMs,
  );
  const hear = (text: string) => {
    silence.refresh();
    try {
      const line = parseWatcherLine(text);
      if (line.kind === 'end') reason ??= new HsmongerError('DIRECTORY_UNAVAILABLE', line.message);
      else onLine(line);
    } catch (error) {
      giveUp(`said what is none of its words (${sentenceOf(error)})`);
    }
  };
  readLines(child.stdio[replyDescriptor] as Readable, maxLine, { giveUp, onLine: hear });
  child.stdin?.on('error', () => undefined);
  // Kept open: its end tells the watcher that this process is gone.
  child.stdin?.write(`${encode(order)}\n`);
  const ended = new Promise<HsmongerError | undefined>((resolve) => {
    child.once('error', (error) => {
      giveUp(`could not be started: ${error.message}`);
      resolve(reason);
    });
    child.once('close', (code, signal) => {
      clearTimeout(silence);
      reason ??= new HsmongerError(
        'DIRECTORY_UNAVAILABLE',
        `The process that watches the directory for instance '${order.instance.name}' ended with ${signal ?? `status ${String(code)}`}.`,
      );
      resolve(stopped ? undefined : reason);
    });
  });
  return {
    ended,
    stop() {
      stopped = true;
      child.stdin?.end();
      const force = setTimeout(() => {
        child.kill('SIGKILL');
      }, graceMs);
      void ended.then(() => {
        clearTimeout(force);
      });
    },
  };
}
