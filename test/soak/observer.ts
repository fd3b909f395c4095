import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRequestFiles } from './request-files.js';
import type { SoakSite } from './soak-site.js';

export interface Longest {
  readonly nickname: string;
  readonly seconds: number;
}

export interface Observed {
  /** Time a request was away from rest without a break: the first, for which all were due at once and queued, and all others. */
  readonly away: { readonly first?: Longest; readonly later?: Longest };
  /** MiB, of the agent and of the largest of its children (VmHWM). */
  readonly memory: { readonly agent: number; readonly child: number };
}

const everyMs = 2000;

/** Looks on from outside, until it is told to stop. */
export function observe(soaked: SoakSite): { observed(): Observed; stop(): Promise<void> } {
  const stopping = new AbortController();
  const began = Date.now();
  const left = new Map<string, number>();
  const rested = new Set<string>();
  const away: { first?: Longest; later?: Longest } = {};
  const memory = { agent: 0, child: 0 };

  const lookAtRequests = () => {
    for (const { nickname, state } of readRequestFiles(soaked.site.certmonger.requestsDirectory)) {
      if (state === 'MONITORING') {
        rested.add(nickname);
        left.delete(nickname);
        continue;
      }
      const since = left.get(nickname) ?? (rested.has(nickname) ? Date.now() : began);
      left.set(nickname, since);
      const seconds = Math.round((Date.now() - since) / 1000);
      const which = rested.has(nickname) ? 'later' : 'first';
      if (seconds > (away[which]?.seconds ?? 0)) away[which] = { nickname, seconds };
    }
  };
  const lookAtMemory = () => {
    const agent = soaked.agent();
    memory.agent = Math.max(memory.agent, peakOf(agent.pid));
    memory.child = Math.max(memory.child, ...childrenOf(agent.pid).map(peakOf));
  };
  const work = async () => {
    while (!stopping.signal.aborted) {
      lookAtRequests();
      lookAtMemory();
      await sleep(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const working = work();
  return {
    observed: () => ({ away, memory }),
    async stop() {
      stopping.abort();
      await working;
    },
  };
}

/** MiB; 0 of a process that is gone. */
function peakOf(pid: number): number {
  return Math.round(Number(/^VmHWM:\s+(\d+)/mu.exec(procFile(pid, 'status'))?.[1] ?? 0) / 1024);
}

function childrenOf(pid: number): number[] {
  return procFile(pid, `task/${String(pid)}/children`)
    .trim()
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${String(pid)}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
