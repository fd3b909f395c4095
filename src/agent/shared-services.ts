import type { AgentConf } from '../config/agent-conf.js';
import type { Part } from './instances/instance-context.js';
import type { Events } from './report/events.js';
import type { Log } from './log.js';
import { startShow } from './show/show.js';
import { startNotifier } from './show/notify/notifier.js';
import type { AgentSnapshot } from './report/snapshot.js';

/** What the parts that serve all instances work with. */
export interface SharedServicesGiven {
  readonly events: Events;
  readonly snapshot: () => AgentSnapshot;
  readonly log: Log;
  readonly conf: AgentConf;
  /** The end: of the agent, or of this reading of agent.conf. */
  readonly signal: AbortSignal;
}

/** What begins anew whenever agent.conf changed. */
const starters: readonly ((given: SharedServicesGiven) => Part)[] = [startNotifier, startShow];

/** The parts that serve all instances; they begin anew when agent.conf changed. */
export interface SharedServices {
  start(): void;
  restart(): Promise<void>;
  ended(): Promise<unknown>;
}

/** `conf` as it is at the moment asked. */
export function createSharedServices(
  { conf, ...given }: Omit<SharedServicesGiven, 'conf' | 'signal'> & { readonly conf: () => AgentConf },
  signal: AbortSignal,
): SharedServices {
  let current: readonly Part[] = [];
  let stopping = new AbortController();
  const start = () => {
    stopping = new AbortController();
    current = starters.map((one) => one({ ...given, conf: conf(), signal: stopping.signal }));
  };
  signal.addEventListener(
    'abort',
    () => {
      stopping.abort();
    },
    { once: true },
  );
  const ended = () => Promise.all(current.map((part) => part.ended));
  return {
    start,
    async restart() {
      stopping.abort();
      await ended();
      if (!signal.aborted) start();
    },
    ended,
  };
}
