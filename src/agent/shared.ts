import type { AgentConf } from '../config/agent-conf.js';
import type { Clock } from '../platform/clock.js';
import type { Part } from './care.js';
import type { Caretaker } from './caretaker.js';
import type { Events } from './events.js';
import type { Log } from './log.js';
import { sharedStarters } from './parts.js';
import type { AgentSnapshot } from './snapshot.js';

/** What the parts that serve all instances work with. */
export interface SharedGiven {
  readonly events: Events;
  readonly snapshot: () => AgentSnapshot;
  readonly caretakers: () => readonly Caretaker[];
  readonly log: Log;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly bus: string;
  readonly conf: AgentConf;
  /** The end: of the agent, or of this reading of agent.conf. */
  readonly signal: AbortSignal;
}

/** The parts that serve all instances: those that live as long as the agent, and those that begin anew when agent.conf changed. */
export interface Shared {
  start(): void;
  restart(): Promise<void>;
  ended(): Promise<unknown>;
}

/** `conf` as it is at the moment asked. */
export function createShared({ conf, ...given }: Omit<SharedGiven, 'conf' | 'signal'> & { readonly conf: () => AgentConf }, signal: AbortSignal): Shared {
  let lasting: readonly Part[] = [];
  let current: readonly Part[] = [];
  let stopping = new AbortController();
  const begin = () => {
    stopping = new AbortController();
    current = sharedStarters.anew.map((start) => start({ ...given, conf: conf(), signal: stopping.signal }));
  };
  signal.addEventListener('abort', () => { stopping.abort(); }, { once: true });
  const ended = (parts: readonly Part[]) => Promise.all(parts.map((part) => part.ended));
  return {
    start() {
      const live: SharedGiven = {
        ...given,
        signal,
        get conf() {
          return conf();
        },
      };
      lasting = sharedStarters.lasting.map((start) => start(live));
      begin();
    },
    async restart() {
      stopping.abort();
      await ended(current);
      if (!signal.aborted) begin();
    },
    ended: () => ended([...lasting, ...current]),
  };
}
