import type { Socket } from 'node:net';
import handshake from 'dbus-next/lib/handshake.js';
import compat from 'dbus-next/lib/marshall-compat.js';
import message from 'dbus-next/lib/message.js';
import variant from 'dbus-next/lib/variant.js';

/**
 * D-Bus messages as bytes and back, by dbus-next's marshaller. Its MessageBus is not used: it loses signals whose signature differs
 * from the introspection's (certmonger's PropertiesChanged is `sa{sv}`), never notices that the bus has gone, throws a refused Hello
 * and malformed bytes where nobody can catch them, and does not decode addresses.
 */
export interface WireMessage {
  /** 1 call, 2 return, 3 error, 4 signal (D-Bus specification, Message Protocol). */
  readonly type: number;
  readonly serial: number;
  readonly flags?: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  readonly destination?: string;
  readonly sender?: string;
  readonly signature?: string;
  readonly body?: readonly unknown[];
}

export const messageTypes = { call: 1, return: 2, error: 3, signal: 4 } as const;
export const flags = { noReplyExpected: 1, noAutoStart: 2 } as const;

/** A value with its signature, as the `v` of a body. int64 values are BigInt. */
export const Variant = variant.Variant;
export type Variant = InstanceType<typeof Variant>;

export function isVariant(value: unknown): value is Variant {
  return value instanceof Variant;
}

/** Throws when the body does not match the signature. */
export function encode(given: WireMessage): Buffer {
  return compat.marshallMessage({ ...given })[0];
}

/** EXTERNAL only: what dbus-next tries next would report a missing ~/.dbus-keyrings in place of the refusal. */
export async function authenticate(stream: Socket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    handshake(stream, { authMethods: ['EXTERNAL'] }, (error) => {
      if (error instanceof Error) reject(error);
      else if (error === null || error === undefined) resolve();
      else reject(new Error('authentication refused'));
    });
  });
}

/** Reads messages until the stream ends; what cannot be read goes to `broken`, once, and nothing is read after it. */
export function decode(stream: Socket, onMessage: (received: WireMessage) => void, broken: (error: unknown) => void): void {
  let failed = false;
  const guarded = {
    on: (event: string, listener: () => void) =>
      stream.on(event, () => {
        if (failed) return;
        try {
          listener();
        } catch (error) {
          failed = true;
          broken(error);
        }
      }),
    read: (size: number) => stream.read(size) as Buffer | null,
  };
  message.unmarshalMessages(guarded, (raw) => { onMessage(compat.messageToJsFmt(raw) as WireMessage); }, {});
}
