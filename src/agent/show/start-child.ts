import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { sentenceOf } from '../../errors.js';
import { installation } from '../../platform/installation.js';
import { replyDescriptor } from '../../service/order.js';
import { encode } from '../../service/wire.js';
import { readLines } from '../read-lines.js';
import type { AgentSnapshot } from '../report/snapshot.js';
import { parseShowLine, type ShowOrder } from './order.js';

export interface ShowChild {
  /** Once it is gone: a sentence that says why, unless it was told to stop. */
  readonly ended: Promise<string | undefined>;
  readonly stop: () => void;
}

export interface Heard {
  readonly onListening: () => void;
  readonly snapshot: () => AgentSnapshot;
}

const maxLine = 64 * 1024;
const graceMs = 2000;
/** However often it asks: whoever may connect must not keep the agent busy. */
const everyMs = 1000;

/** Starts the process that listens; it dies with this one. A snapshot is made when it asks for one: while nobody looks, none is. */
export function startShowChild(order: ShowOrder, { onListening, snapshot }: Heard): ShowChild {
  // What a rendering leaves behind is collected early: 2,000 certificates are 5 MB of text each time.
  const child = spawn(process.execPath, ['--max-semi-space-size=1', path.join(installation().addons, 'show.cjs')], {
    stdio: ['pipe', 2, 2, 'pipe'],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8' },
  });
  let reason: string | undefined;
  let stopped = false;
  let asked: NodeJS.Timeout | undefined;
  let answeredAt = -Infinity;
  const giveUp = (why: string) => {
    reason ??= `The process that shows metrics and page ${why}.`;
    child.kill('SIGKILL');
  };
  const answer = () => {
    asked = undefined;
    answeredAt = performance.now();
    // One that asks and does not read is answered no further.
    if (child.stdin?.writableNeedDrain !== false) return;
    try {
      child.stdin.write(`${encode(snapshot())}\n`);
    } catch (error) {
      giveUp(`was ended, as there is nothing to show: ${sentenceOf(error)}`);
    }
  };
  const hear = (text: string) => {
    try {
      const line = parseShowLine(text);
      switch (line.kind) {
        case 'ask':
          asked ??= setTimeout(answer, Math.max(0, answeredAt + everyMs - performance.now()));
          break;
        case 'listening':
          onListening();
          break;
        case 'end':
          reason ??= line.message;
          break;
      }
    } catch (error) {
      giveUp(`said what is none of its words (${sentenceOf(error)})`);
    }
  };
  readLines(child.stdio[replyDescriptor] as Readable, maxLine, { giveUp, onLine: hear });
  child.stdin?.on('error', () => undefined);
  // Kept open: its end tells the process that this one is gone.
  child.stdin?.write(`${encode(order)}\n`);
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => {
      reason ??= `The process that shows metrics and page could not be started: ${error.message}.`;
      resolve(reason);
    });
    child.once('close', (code, signal) => {
      clearTimeout(asked);
      reason ??= `The process that shows metrics and page ended with ${signal ?? `status ${String(code)}`}.`;
      resolve(stopped ? undefined : reason);
    });
  });
  return {
    ended,
    stop() {
      stopped = true;
      clearTimeout(asked);
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
