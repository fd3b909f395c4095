import type { AgentConf } from '../../config/agent-conf.js';
import type { Instance, InstanceSite } from '../../config/instance.js';
import type { Clock } from '../../platform/clock.js';
import type { CertmongerLink } from '../certmonger-link.js';
import type { Events } from '../report/events.js';
import type { Log } from '../log.js';
import type { RequestCache } from '../requests/request-cache.js';
import type { Prober } from '../probe/prober.js';

/** What every part that looks after one instance works with. */
export interface InstanceContext extends InstanceSite {
  readonly conf: AgentConf;
  /** All instances looked after, this one included: they may share a token, a PIN file, a certmonger. */
  readonly instances: readonly Instance[];
  readonly certmonger: CertmongerLink;
  readonly requestCache: RequestCache;
  readonly prober: Prober;
  readonly events: Events;
  /** Says the instance's name in front. */
  readonly log: Log;
  readonly clock: Clock;
  /** The end: of the agent, or of this instance file's reading before a reload. */
  readonly signal: AbortSignal;
}

/** A piece of the agent: works until the signal, and leaves nothing behind. */
export interface Part {
  /** Never rejects: a part tells its own trouble. */
  readonly ended: Promise<void>;
}
