import type { Socket } from 'node:net';
import DBusBuffer from 'dbus-next/lib/dbus-buffer.js';
import handshake from 'dbus-next/lib/handshake.js';
import compat from 'dbus-next/lib/marshall-compat.js';
import signatures from 'dbus-next/lib/signature.js';
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

/** Header fields by their codes (D-Bus specification, Header Fields). */
const fieldNames: Readonly<Record<number, keyof WireMessage>> = {
  1: 'path',
  2: 'interface',
  3: 'member',
  4: 'errorName',
  5: 'replySerial',
  6: 'destination',
  7: 'sender',
  8: 'signature',
};
const [fieldTree] = signatures.parseSignature('(yv)');
const little = 0x6c;

/** As read off the stream: the body is decoded when it is first asked for, and throws then where it is broken. */
export interface ReceivedMessage extends WireMessage {
  readonly body: readonly unknown[];
  /** Of the body; the same values make the same bytes when the same peer sends them in the same order. */
  readonly bytes: Buffer;
}

/** Reads messages until the stream ends; what cannot be read goes to `broken`, once, and nothing is read after it. */
export function decode(stream: Socket, onMessage: (received: ReceivedMessage) => void, broken: (error: unknown) => void): void {
  let failed = false;
  let header: Buffer | null = null;
  const next = (): ReceivedMessage | undefined => {
    header ??= stream.read(16) as Buffer | null;
    if (header === null) return undefined;
    const head = header;
    const lengthAt = (at: number) => (head[0] === little ? head.readUInt32LE(at) : head.readUInt32BE(at));
    const padded = (lengthAt(12) + 7) & ~7;
    const rest = stream.read(padded + lengthAt(4)) as Buffer | null;
    if (rest === null) return undefined;
    header = null;
    return messageOf(head, rest, lengthAt(12), lengthAt(8), rest.subarray(padded));
  };
  stream.on('readable', () => {
    if (failed) return;
    try {
      for (let message = next(); message !== undefined; message = next()) onMessage(message);
    } catch (error) {
      failed = true;
      broken(error);
    }
  });
}

function messageOf(head: Buffer, rest: Buffer, fieldsLength: number, serial: number, bytes: Buffer): ReceivedMessage {
  const [endian = little, type = 0, flag = 0] = head;
  const fields = new DBusBuffer(rest, 0, endian, undefined, {}).readArray(fieldTree, fieldsLength) as [number, [unknown, [unknown]]][];
  const named = Object.fromEntries(
    fields.flatMap(([code, [, [value]]]) => (fieldNames[code] === undefined ? [] : [[fieldNames[code], value]])),
  ) as Partial<WireMessage>;
  const { signature = '' } = named;
  let body: readonly unknown[] | undefined;
  return {
    ...named,
    type,
    flags: flag,
    serial,
    bytes,
    get body() {
      // A body begins at a multiple of eight, as its own buffer does.
      return (body ??=
        signature === ''
          ? []
          : compat.messageToJsFmt({ signature, body: new DBusBuffer(bytes, 0, endian, undefined, {}).read(signature) }).body);
    },
  };
}
