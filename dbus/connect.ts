import { createConnection } from 'node:net';
import { HsmongerError, sentenceOf } from '../src/errors.js';
import { addressOf, socketsOf, type BusChoice } from './address.js';
import { busObject, defaultTimeoutMs, type Bus } from './bus.js';
import { Connection } from './connection.js';
import { authenticate } from './wire.js';

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
