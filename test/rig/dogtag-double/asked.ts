import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Authority } from './authority.js';
import type { DoubleOptions } from './double.js';
import type { Lightweight } from './lightweight.js';
import type { Queue } from './queue.js';
import type { Sessions } from './sessions.js';

/** What the double's answers are made of. */
export interface World {
  readonly options: DoubleOptions;
  readonly authority: Authority;
  readonly queue: Queue;
  readonly sessions: Sessions;
  readonly lightweight: Lightweight | undefined;
  /** Of the server, without a path. */
  readonly address: () => string;
}

/** One request of a client. */
export interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Of the client certificate, '' without one. */
  readonly who: string;
}

/** One over REST: `route` is what follows the interface's own path. */
export interface RestAsked extends Asked {
  readonly version: 'v1' | 'v2';
  readonly route: string;
}
