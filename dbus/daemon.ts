import { certmongerError } from './certmonger-errors.js';
import { ErrorReply } from './error-reply.js';
import { baseInterface, certmongerName, propertiesInterface, rootPath } from './names.js';
import type { Bus, Call, Reply } from './bus.js';

/** An object of one run of the daemon: paths are dealt anew at each start, so the path goes with the daemon's unique name. */
export interface Located {
  readonly daemon: string;
  readonly path: string;
}

interface Target {
  /** Unique name of the daemon; default whoever is certmonger now. */
  readonly destination?: string;
  readonly path?: string;
  readonly interface?: string;
}

export interface Timeouts {
  /** Milliseconds for calls that only read. Default 30 000. */
  readonly readTimeoutMs?: number;
  /** For calls during which the daemon reads key and certificate from the token. Default 300 000, as FreeIPA has it. */
  readonly tokenTimeoutMs?: number;
}

type Finder = 'find_request_by_nickname' | 'find_ca_by_nickname';

/** The calls all parts of the client are made of. */
export interface Daemon {
  /** On the root object's own interface unless the target says otherwise. */
  call(target: Target, member: string, signature?: string, body?: readonly unknown[]): Promise<Reply>;
  /** The same with the long limit. */
  tokenCall(target: Target, member: string, signature?: string, body?: readonly unknown[]): Promise<Reply>;
  /** The `a{sv}` of all properties; undefined where `isKnown` says so of its bytes. */
  getAll(at: Located, of: string, isKnown?: Call['isKnown']): Promise<unknown>;
  find(member: Finder, nickname: string, destination?: string): Promise<Located | undefined>;
  /** Looks the nickname up and talks to exactly the daemon that answered; a call that reached nobody is made again. */
  located<T>(member: Finder, nickname: string, work: (at: Located | undefined) => Promise<T>): Promise<T>;
}

const attempts = 3;

export function daemonOn(bus: Bus, { readTimeoutMs = 30_000, tokenTimeoutMs = 300_000 }: Timeouts): Daemon {
  const call =
    (timeoutMs: number) =>
    (target: Target, member: string, signature = '', body: readonly unknown[] = []) =>
      bus.call({ destination: certmongerName, path: rootPath, interface: baseInterface, ...target, member, signature, body, timeoutMs });
  const read = call(readTimeoutMs);

  const find: Daemon['find'] = async (member, nickname, destination) => {
    // Not found is an empty body, not an error (tdbush.c).
    const { sender, body } = await read(destination === undefined ? {} : { destination }, member, 's', [nickname]);
    return typeof body[0] === 'string' ? { daemon: sender, path: body[0] } : undefined;
  };

  return {
    call: read,
    tokenCall: call(tokenTimeoutMs),
    getAll: async ({ daemon, path }, of, isKnown) => {
      const { body } = await bus.call({
        destination: daemon,
        path,
        interface: propertiesInterface,
        member: 'GetAll',
        signature: 's',
        body: [of],
        timeoutMs: readTimeoutMs,
        ...(isKnown === undefined ? {} : { isKnown }),
      });
      return body[0];
    },
    find,
    located: async (member, nickname, work) => {
      for (let attempt = 1; ; attempt++) {
        const at = await find(member, nickname);
        try {
          return await work(at);
        } catch (error) {
          if (attempt === attempts || !(error instanceof ErrorReply && error.undelivered)) throw error;
        }
      }
    },
  };
}

/** Runs `work`; what certmonger answers it with becomes a sentence: "Cannot <what>: …". */
export async function attempting<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw certmongerError(error, what);
  }
}
