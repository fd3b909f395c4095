import type { Socket } from 'node:net';
import { HsmongerError, sentenceOf } from '../src/errors.js';
import {
  defaultTimeoutMs,
  type Bus,
  type Call,
  type IncomingCall,
  type Outgoing,
  type Reply,
  type Signal,
  type SignalMatch,
} from './bus.js';
import { ErrorReply } from './error-reply.js';
import { messageOf } from './outgoing-message.js';
import { Subscriptions, tell } from './subscriptions.js';
import { decode, encode, flags, messageTypes, type ReceivedMessage } from './wire.js';

interface Pending {
  readonly call: string;
  readonly isKnown: Call['isKnown'];
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: HsmongerError) => void;
}

/** The calls on one connection and their replies, after the bus has let us in. */
export class Connection implements Bus {
  readonly closed: AbortSignal;
  readonly #stream: Socket;
  readonly #address: string;
  readonly #pending = new Map<number, Pending>();
  readonly #subscriptions = new Subscriptions((call) => this.call(call));
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

  onSignal(match: SignalMatch, listener: (signal: Signal) => void): Promise<void> {
    return this.#subscriptions.onSignal(match, listener);
  }

  onOwnerChange(name: string, listener: (owner: string | undefined) => void): Promise<string | undefined> {
    return this.#subscriptions.onOwnerChange(name, listener);
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
      this.#subscriptions.signalled(sender, {
        path: message.path ?? '',
        interface: message.interface ?? '',
        member: message.member ?? '',
        body: message.body,
      });
    }
  }
}
