import type { TrackingRequest } from '../../../dbus/tracking-request.js';

/** certmonger's requests as they are now: kept by its signals, read anew where signals cannot be trusted. */
export interface RequestCache {
  /** undefined until all were read once, and while certmonger is away. Same array as long as nothing changed. */
  requests(): readonly CachedRequest[] | undefined;
  /** By request id. */
  request(id: string): CachedRequest | undefined;
  /** Why there are none, as a sentence. */
  trouble(): string | undefined;
  /** Returns the way to end that. */
  onChange(listener: (change: RequestChange) => void): () => void;
  /** Reads one request again now (all of them without an id) and gives when that is done; the way to see what one has just caused. */
  refresh(id?: string): Promise<void>;
}

/** One request, and what only watching it tells. */
export interface CachedRequest {
  readonly request: TrackingRequest;
  /** Of performance.now(): when the status was first seen to be what it is. */
  readonly sinceMs: number;
  /** Its last states, oldest first, the present one last; at most 32. What passed between two readings is missing. */
  readonly trail: readonly { readonly status: string; readonly atMs: number }[];
}

export type RequestChange =
  /** `before` is absent where it is new, `now` where it is gone. */
  | { readonly kind: 'request'; readonly id: string; readonly before?: CachedRequest; readonly now?: CachedRequest }
  /** It came or went; all is read again before 'running' is told. */
  | { readonly kind: 'certmonger'; readonly running: boolean };
