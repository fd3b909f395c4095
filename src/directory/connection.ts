import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { Client, ResultCodeError } from 'ldapts';
import type { DirectoryConfig } from '../config/instance.js';
import { HsmongerError, sentenceOf } from '../errors.js';
import { failureOf, lost } from './result-codes.js';

/** RFC 4511 §4.14.1. */
const startTls = '1.3.6.1.4.1.1466.20037';

/**
 * One socket and what runs on it. ldapts opens a second, anonymous one when the first is lost, and after StartTLS does not even notice
 * that it is; here the sockets are ours, there is never a second, and once it is lost everything fails.
 */
export interface Connection {
  /** Runs one operation within the time limit; silence ends the connection. `what` completes "the directory did not answer …". */
  run<T>(what: string, operation: (client: Client) => Promise<T>): Promise<T>;
  /** As run(), for an operation that lasts as long as the connection does. */
  keep<T>(what: string, operation: (client: Client) => Promise<T>): Promise<T>;
  /** Calls the listener whenever the server has sent something; gives what takes it away again. */
  onData(listener: () => void): () => void;
  close(): void;
}

/**
 * Connects, with TLS where the configuration has it; DIRECTORY_UNAVAILABLE when that does not work in time. `timeoutMs` is for each step
 * and each operation.
 */
export async function connect(config: DirectoryConfig, timeoutMs: number): Promise<Connection> {
  const where = addressOf(config.uri);
  const trust = {
    ...(config.caFile === undefined ? {} : { ca: readCa(config.caFile) }),
    minVersion: 'TLSv1.2',
    host: where.host,
    ...(net.isIP(where.host) === 0 ? { servername: where.host } : {}),
  } as const;
  const plain = where.socketPath === undefined ? net.connect({ host: where.host, port: where.port }) : net.connect(where.socketPath);
  const life = lifeOf(config.uri, plain);
  try {
    return await establish(config, timeoutMs, { plain, trust, secure: where.secure, life });
  } catch (error) {
    plain.destroy();
    throw error;
  }
}

async function establish(
  config: DirectoryConfig,
  timeoutMs: number,
  { plain, trust, secure, life }: { plain: net.Socket; trust: tls.ConnectionOptions; secure: boolean; life: Life },
): Promise<Connection> {
  await within(life, timeoutMs, `at ${config.uri}`, opened(plain, 'connect'));
  // A peer that vanished with its network is noticed though nothing is asked.
  plain.setKeepAlive(true, 30_000);
  if (config.startTls)
    await within(life, timeoutMs, `StartTLS at ${config.uri}`, () =>
      attempt(life, clientOn(plain), `StartTLS at ${config.uri}`, (client) => client.exop(startTls)),
    );
  // Who asked for it hears no more: what came with the answer, in clear and from anybody, must not be read as if it had come after the
  // handshake.
  plain.removeAllListeners('data');
  const socket = secure || config.startTls ? life.watch(tls.connect({ ...trust, socket: plain })) : plain;
  if (socket !== plain) await within(life, timeoutMs, `the TLS handshake at ${config.uri}`, opened(socket, 'secureConnect'));

  const client = clientOn(socket);
  return {
    run: (what, operation) => within(life, timeoutMs, what, () => attempt(life, client, what, operation)),
    keep: (what, operation) => within(life, undefined, what, () => attempt(life, client, what, operation)),
    onData: (listener) => {
      socket.on('data', listener);
      return () => void socket.off('data', listener);
    },
    close: () => void life.fail(lost(`at ${config.uri}`, 'this end has closed the connection')),
  };
}

/** ldapts on a socket that is open; it gets no second. */
function clientOn(socket: net.Socket): Client {
  let given = false;
  return new Client({
    // Where the socket leads is none of its business.
    url: 'ldap://directory.invalid',
    createConnection: () => {
      if (given) throw new Error('the connection is closed');
      given = true;
      return socket;
    },
  });
}

async function attempt<T>(life: Life, client: Client, what: string, operation: (client: Client) => Promise<T>): Promise<T> {
  try {
    return await operation(client);
  } catch (error) {
    if (error instanceof ResultCodeError) throw failureOf(error.code, what, error.message, error);
    // Whatever else goes wrong (a socket, an answer that cannot be read) leaves a connection nobody knows the state of.
    throw life.fail(lost(what, error));
  }
}

interface Life {
  reason(): HsmongerError | undefined;
  /**
   * Calls the listener once, with why the connection is lost; gives what takes it away again. A promise would keep everything that ever
   * waited for it.
   */
  onEnd(listener: (reason: HsmongerError) => void): () => void;
  /** Ends it; gives the reason that counts, which is the first. */
  fail(reason: HsmongerError): HsmongerError;
  watch<T extends net.Socket>(socket: T): T;
}

function lifeOf(uri: string, first: net.Socket): Life {
  const sockets: net.Socket[] = [];
  let reason: HsmongerError | undefined;
  const listeners = new Set<(reason: HsmongerError) => void>();
  const life: Life = {
    reason: () => reason,
    onEnd: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    fail: (why) => {
      reason ??= why;
      for (const listener of listeners) listener(reason);
      listeners.clear();
      for (const socket of sockets) socket.destroy();
      return reason;
    },
    watch: (socket) => {
      sockets.push(socket);
      socket.on('error', (error) => life.fail(lost(`at ${uri}`, error)));
      socket.on('close', () => life.fail(lost(`at ${uri}`, 'it closed the connection')));
      return socket;
    },
  };
  life.watch(first);
  return life;
}

/** Races an operation with the end of the connection and with silence, which is such an end. */
async function within<T>(life: Life, timeoutMs: number | undefined, what: string, operation: () => Promise<T>): Promise<T> {
  const gone = life.reason();
  if (gone !== undefined) throw lost(what, gone.cause ?? gone);
  let timer: NodeJS.Timeout | undefined;
  let forget: () => void = () => undefined;
  const ended = new Promise<never>((_, reject) => {
    forget = life.onEnd(reject);
    if (timeoutMs !== undefined)
      timer = setTimeout(() => life.fail(lost(what, `nothing came within ${String(timeoutMs / 1000)} s`)), timeoutMs);
  });
  try {
    return await Promise.race([operation(), ended]);
  } finally {
    clearTimeout(timer);
    forget();
  }
}

function opened(socket: net.Socket, event: 'connect' | 'secureConnect'): () => Promise<void> {
  return () => new Promise((resolve) => void socket.once(event, resolve));
}

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly socketPath?: string;
}

/** The schema has seen that it is one of the three kinds. */
export function addressOf(uri: string): Address {
  const [, local] = /^ldapi:\/\/(.*)$/u.exec(uri) ?? [];
  if (local !== undefined) return { host: '', port: 0, secure: false, socketPath: decodeURIComponent(local) };
  const { protocol, hostname, port } = new URL(uri);
  const secure = protocol === 'ldaps:';
  return { host: hostname.replace(/^\[|\]$/gu, ''), port: port === '' ? (secure ? 636 : 389) : Number(port), secure };
}

function readCa(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new HsmongerError('CONFIG_INVALID', `Cannot read ${file}, which directory.ca-file names: ${sentenceOf(error)}.`, {
      cause: error,
    });
  }
}
