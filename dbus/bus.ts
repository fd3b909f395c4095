export interface Call {
  /** Bus name. */
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Of the body; default none. */
  readonly signature?: string;
  readonly body?: readonly unknown[];
  /** Milliseconds. Default 30 000. */
  readonly timeoutMs?: number;
  /** Do not start the service for this: the answer to "is it running?" would always be yes. */
  readonly noAutoStart?: boolean;
  /** Gets the answer's body as bytes; where it gives true they are not decoded, and the reply's body is empty. */
  readonly isKnown?: (bytes: Buffer) => boolean;
}

export interface Reply {
  /** Unique name of whoever answered. */
  readonly sender: string;
  /** Empty where certmonger has nothing to tell (an unset value, nothing found). */
  readonly body: readonly unknown[];
}

export interface Signal {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** As sent, whatever the introspection promised. */
  readonly body: readonly unknown[];
}

/** What somebody calls here. `sender` is the bus's word, not the caller's. */
export interface IncomingCall {
  readonly sender: string;
  readonly serial: number;
  readonly path: string;
  /** Empty where the caller left it out. */
  readonly interface: string;
  readonly member: string;
  readonly signature: string;
  readonly body: readonly unknown[];
  readonly wantsReply: boolean;
}

/** What a service says of itself: an answer to one call, or a signal to all who listen. */
export type Outgoing =
  | { readonly kind: 'return'; readonly to: IncomingCall; readonly signature: string; readonly body: readonly unknown[] }
  | { readonly kind: 'error'; readonly to: IncomingCall; readonly name: string; readonly message: string }
  | {
      readonly kind: 'signal';
      readonly path: string;
      readonly interface: string;
      readonly member: string;
      readonly signature: string;
      readonly body: readonly unknown[];
    };

export interface SignalMatch {
  /** Well-known name of the sender; what anybody else sends is dropped. */
  readonly sender: string;
  readonly interface: string;
  readonly member?: string;
}

/** A connection to a message bus. All failures are HsmongerError; an answer that is an error is an ErrorReply. */
export interface Bus {
  /** Aborted, with an HsmongerError as reason, when the connection has ended for whatever cause; nothing works after that. */
  readonly closed: AbortSignal;
  call(call: Call): Promise<Reply>;
  /** Calls `listener` for every such signal from now on, the sender's restarts included. */
  onSignal(match: SignalMatch, listener: (signal: Signal) => void): Promise<void>;
  /** Calls `listener` when a name gets another owner, with undefined when it has none any more. Returns the owner of now. */
  onOwnerChange(name: string, listener: (owner: string | undefined) => void): Promise<string | undefined>;
  /** Calls `listener` for what others call here; who serves nothing answers nothing. */
  onCall(listener: (call: IncomingCall) => void): void;
  /** Throws where the body does not match the signature. */
  send(outgoing: Outgoing): void;
  /** Ends the connection; the process can end by itself then. */
  disconnect(): void;
}

const busName = 'org.freedesktop.DBus';

/** Where the bus itself is called. */
export const busObject = { destination: busName, path: '/org/freedesktop/DBus', interface: busName } as const;

/** Milliseconds a call may take that says nothing else. */
export const defaultTimeoutMs = 30_000;
