import { createConnection, type Socket } from 'node:net';
import { HsmongerError, sentenceOf } from '../src/errors.js';
import { addressOf, socketsOf, type BusChoice } from './address.js';
import { ErrorReply } from './error-reply.js';
import { authenticate, decode, encode, flags, messageTypes, type ReceivedMessage, type WireMessage } from './wire.js';

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

interface Pending {
  readonly call: string;
  readonly isKnown: Call['isKnown'];
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: HsmongerError) => void;
}

const busName = 'org.freedesktop.DBus';
const busObject = { destination: busName, path: '/org/freedesktop/DBus', interface: busName } as const;
const defaultTimeoutMs = 30_000;

/** Connects and says Hello. BUS_UNAVAILABLE when there is no such bus or it does not let us in, BUS_TIMEOUT when it stays silent. */
export async function connectBus(
  choice: BusChoice,
  options: { readonly timeoutMs?: number; readonly env?: Readonly<Record<string, string | undefined>> } = {},
): Promise<Bus> {
  const address = addressOf(choice, options.env ?? process.env);
  let failure = new HsmongerError('BUS_UNAVAILABLE', `The bus address '${address}' is empty.`);
  for (const socket of socketsOf(address)) {
    try {
      return await openBus(socket, address, options.timeoutMs ?? defaultTimeoutMs);
    } catch (error) {
      if (!(error instanceof HsmongerError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function openBus(socket: string, address: string, timeoutMs: number): Promise<Bus> {
  const stream = createConnection(socket);
  const closing = new AbortController();
  let why = new HsmongerError('BUS_UNAVAILABLE', `The connection to the bus at ${address} was closed.`);
  stream.on('error', (error) => {
    why =
      error instanceof HsmongerError
        ? error
        : new HsmongerError('BUS_UNAVAILABLE', `Cannot talk to the bus at ${address}: ${sentenceOf(error)}. Is dbus-daemon running?`, {
            cause: error,
          });
  });
  stream.once('close', () => {
    closing.abort(why);
  });

  const bus = new Connection(stream, closing.signal, address);
  const patience = setTimeout(
    () => stream.destroy(new HsmongerError('BUS_TIMEOUT', `The bus at ${address} did not let us in within ${String(timeoutMs)} ms.`)),
    timeoutMs,
  );
  try {
    await untilClosed(
      closing.signal,
      new Promise<void>((resolve) => {
        stream.once('connect', resolve);
      }),
    );
    await untilClosed(closing.signal, authenticate(stream)).catch((error: unknown) => {
      if (error instanceof HsmongerError) throw error;
      const user = String(process.geteuid?.());
      throw new HsmongerError(
        'BUS_UNAVAILABLE',
        `The bus at ${address} refused user id ${user} (EXTERNAL authentication). Run as the user the bus belongs to, or as root for the system bus.`,
        { cause: error },
      );
    });
    bus.listen();
    await bus.call({ ...busObject, member: 'Hello', timeoutMs });
    return bus;
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    clearTimeout(patience);
  }
}

async function untilClosed<T>(closed: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    closed.addEventListener(
      'abort',
      () => {
        reject(closed.reason as HsmongerError);
      },
      { once: true },
    );
    work.then(resolve, reject);
  });
}

class Connection implements Bus {
  readonly closed: AbortSignal;
  readonly #stream: Socket;
  readonly #address: string;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners: { readonly match: SignalMatch; readonly listener: (signal: Signal) => void }[] = [];
  /** By well-known name: the unique name that has it now. */
  readonly #owners = new Map<string, string | undefined>();
  readonly #ownerListeners: { readonly name: string; readonly listener: (owner: string | undefined) => void }[] = [];
  readonly #callListeners: ((call: IncomingCall) => void)[] = [];
  #serial = 0;

  constructor(stream: Socket, closed: AbortSignal, address: string) {
    this.#stream = stream;
    this.#address = address;
    this.closed = closed;
    closed.addEventListener('abort', () => {
      for (const { reject } of [...this.#pending.values()]) reject(closed.reason as HsmongerError);
    });
  }

  listen(): void {
    decode(
      this.#stream,
      (message) => {
        this.#receive(message);
      },
      (error) =>
        this.#stream.destroy(
          new HsmongerError(
            'BUS_UNAVAILABLE',
            `The bus at ${this.#address} sent what is no D-Bus message (${sentenceOf(error)}); the connection was given up.`,
            { cause: error },
          ),
        ),
    );
  }

  async call(call: Call): Promise<Reply> {
    if (this.closed.aborted) throw this.closed.reason as HsmongerError;
    const { timeoutMs = defaultTimeoutMs, noAutoStart = false, isKnown, ...header } = call;
    const name = `${call.interface}.${call.member}`;
    const serial = this.#nextSerial();
    const data = encode({ ...header, type: messageTypes.call, serial, flags: noAutoStart ? flags.noAutoStart : 0 });
    return new Promise<Reply>((resolve, reject) => {
      // One's own limit on every call: a bus answers for a peer that died, not for one that sleeps.
      const timer = setTimeout(() => {
        settle();
        reject(new HsmongerError('BUS_TIMEOUT', `${call.destination} did not answer ${name} within ${String(timeoutMs / 1000)} s.`));
      }, timeoutMs);
      const settle = () => {
        clearTimeout(timer);
        this.#pending.delete(serial);
      };
      this.#pending.set(serial, {
        call: name,
        isKnown,
        resolve: (reply) => {
          settle();
          resolve(reply);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      this.#stream.write(data);
    });
  }

  async onSignal(match: SignalMatch, listener: (signal: Signal) => void): Promise<void> {
    this.#listeners.push({ match, listener });
    await this.onOwnerChange(match.sender, () => undefined);
    const member = match.member === undefined ? '' : `,member='${match.member}'`;
    await this.#addMatch(`type='signal',sender='${match.sender}',interface='${match.interface}'${member}`);
  }

  async onOwnerChange(name: string, listener: (owner: string | undefined) => void): Promise<string | undefined> {
    this.#ownerListeners.push({ name, listener });
    if (this.#owners.has(name)) return this.#owners.get(name);
    await this.#addMatch(`type='signal',sender='${busName}',interface='${busName}',member='NameOwnerChanged',arg0='${name}'`);
    const owner = await this.#ownerOf(name);
    // A change that came in meanwhile is newer than the answer.
    if (!this.#owners.has(name)) this.#owners.set(name, owner);
    return this.#owners.get(name);
  }

  onCall(listener: (call: IncomingCall) => void): void {
    this.#callListeners.push(listener);
  }

  send(outgoing: Outgoing): void {
    if (outgoing.kind !== 'signal' && !outgoing.to.wantsReply) return;
    if (!this.closed.aborted) this.#stream.write(encode({ serial: this.#nextSerial(), ...messageOf(outgoing) }));
  }

  disconnect(): void {
    this.#stream.destroySoon();
  }

  async #addMatch(rule: string): Promise<void> {
    await this.call({ ...busObject, member: 'AddMatch', signature: 's', body: [rule] });
  }

  async #ownerOf(name: string): Promise<string | undefined> {
    try {
      const { body } = await this.call({ ...busObject, member: 'GetNameOwner', signature: 's', body: [name] });
      return typeof body[0] === 'string' ? body[0] : undefined;
    } catch (error) {
      if (error instanceof ErrorReply && error.undelivered) return undefined;
      throw error;
    }
  }

  /** Serials are 32 bits and never 0. */
  #nextSerial(): number {
    this.#serial = this.#serial >= 0xffff_fffe ? 1 : this.#serial + 1;
    return this.#serial;
  }

  #receive(message: ReceivedMessage): void {
    const { type, sender = '' } = message;
    if (type === messageTypes.return || type === messageTypes.error) {
      const pending = this.#pending.get(message.replySerial ?? 0);
      if (pending === undefined) return;
      if (type === messageTypes.return) pending.resolve({ sender, body: pending.isKnown?.(message.bytes) === true ? [] : message.body });
      else pending.reject(new ErrorReply(pending.call, message));
    } else if (type === messageTypes.call) {
      const { serial, path = '', member = '', signature = '' } = message;
      const wantsReply = ((message.flags ?? 0) & flags.noReplyExpected) === 0;
      for (const listener of this.#callListeners)
        tell(listener, {
          sender,
          serial,
          path,
          interface: message.interface ?? '',
          member,
          signature,
          // Decoded only once it is known who called for what: nobody's body is worth the connection.
          get body() {
            return message.body;
          },
          wantsReply,
        });
    } else if (type === messageTypes.signal) {
      this.#signalled(sender, {
        path: message.path ?? '',
        interface: message.interface ?? '',
        member: message.member ?? '',
        body: message.body,
      });
    }
  }

  #signalled(sender: string, signal: Signal): void {
    if (sender === busName && signal.member === 'NameOwnerChanged') {
      const [name, , owner] = signal.body as [string, string, string];
      this.#owners.set(name, owner === '' ? undefined : owner);
      for (const each of this.#ownerListeners) if (each.name === name) tell(each.listener, owner === '' ? undefined : owner);
      return;
    }
    for (const { match, listener } of this.#listeners) {
      const wanted = match.interface === signal.interface && (match.member === undefined || match.member === signal.member);
      // A signal sent straight to us passes no match rule: only its sender's name tells whose it is.
      if (wanted && this.#owners.get(match.sender) === sender) tell(listener, signal);
    }
  }
}

function messageOf(outgoing: Outgoing): Omit<WireMessage, 'serial'> {
  switch (outgoing.kind) {
    case 'return':
      return {
        type: messageTypes.return,
        replySerial: outgoing.to.serial,
        destination: outgoing.to.sender,
        signature: outgoing.signature,
        body: outgoing.body,
      };
    case 'error':
      return {
        type: messageTypes.error,
        replySerial: outgoing.to.serial,
        destination: outgoing.to.sender,
        errorName: outgoing.name,
        signature: 's',
        body: [outgoing.message],
      };
    case 'signal': {
      const { path, member, signature, body } = outgoing;
      return { type: messageTypes.signal, path, interface: outgoing.interface, member, signature, body };
    }
  }
}

/** A listener's own failure must not count as a broken message. */
function tell<T>(listener: (value: T) => void, value: T): void {
  queueMicrotask(() => {
    listener(value);
  });
}
