import { createHash } from 'node:crypto';
import { HsmongerError } from '../src/errors.js';
import type { BusChoice } from './address.js';
import { busObject, type Bus } from './bus.js';
import { caHandle, type CaHandle } from './ca-handle.js';
import { changesOn, type Change } from './changes.js';
import { connectBus } from './connect.js';
import { attempting, daemonOn, type Located, type Timeouts } from './daemon.js';
import { ErrorReply } from './error-reply.js';
import { knownCaOf, type KnownCa } from './known-ca.js';
import { caInterface, certmongerName, requestInterface } from './names.js';
import { pooled } from './pooled.js';
import { caFor, requestHandle, type RequestHandle } from './request-handle.js';
import { newRequestOf, type NewRequest, type RequestSettings } from './request-settings.js';
import { caPathOf, trackingRequestOf, type TrackingRequest } from './tracking-request.js';

/**
 * certmonger over D-Bus, as certmonger.xml has it. All failures are HsmongerError: BUS_…, CERTMONGER_…, REQUEST_…, NOT_PERMITTED.
 * Requests and CAs go by nickname everywhere; a restart of the daemon needs nothing from the caller.
 */
export interface Certmonger {
  /** Aborted when the connection to the bus has ended. */
  readonly closed: AbortSignal;
  /** Whether it runs now; does not start it. */
  running(): Promise<boolean>;
  /** Of the running daemon; CERTMONGER_UNAVAILABLE where there is none. */
  processId(): Promise<number>;
  /** Every request, in certmonger's order: get_requests and one GetAll each, many on the way at a time. */
  listRequests(): Promise<TrackingRequest[]>;
  /** Where every request is in this run of the daemon: one call, however many there are. */
  requestPlaces(): Promise<RequestPlaces>;
  /**
   * One GetAll of exactly this place: undefined where nothing is there any more, CERTMONGER_UNAVAILABLE where that run of the daemon is
   * over. `caNickname` gives the nickname of the CA with an object path. With the `digest` of the last reading, 'same' where nothing
   * differs: that costs a tenth.
   */
  readAt(
    at: Located,
    caNickname: (path: string) => Promise<string | undefined>,
    digest?: string,
  ): Promise<RequestReading | 'same' | undefined>;
  request(nickname: string): RequestHandle;
  /** Starts tracking. Prove key and certificate first: certmonger makes a new key when it does not find one. */
  addRequest(request: RequestSettings<NewRequest>): Promise<void>;
  listCas(): Promise<KnownCa[]>;
  ca(nickname: string): CaHandle;
  /** `command`: absolute program and arguments, by certmonger's quoting. */
  addCa(nickname: string, command: string): Promise<void>;
  /** Calls `listener` for every change from now on; returns the way to end that. */
  onChange(listener: (change: Change) => void): Promise<() => void>;
  disconnect(): void;
}

export interface RequestPlaces {
  /** Unique name of the daemon that answered. */
  readonly daemon: string;
  /** Object paths, in certmonger's order; good until that daemon ends. */
  readonly paths: readonly string[];
}

export interface RequestReading {
  readonly request: TrackingRequest;
  /** Of what was sent. */
  readonly digest: string;
}

export interface CertmongerOptions extends Timeouts {
  /** Where the bus addresses are looked up. Default process.env. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Connects to the bus; certmonger itself is first asked by the first call. */
export async function connectCertmonger(choice: BusChoice, options: CertmongerOptions = {}): Promise<Certmonger> {
  return certmongerOn(await connectBus(choice, options), options);
}

/** Process id of the certmonger on this bus; CERTMONGER_UNAVAILABLE where none runs. */
export async function processIdOn(bus: Pick<Bus, 'call'>): Promise<number> {
  const { body } = await bus.call({
    ...busObject,
    member: 'GetConnectionUnixProcessID',
    signature: 's',
    body: [certmongerName],
  });
  if (typeof body[0] === 'number') return body[0];
  throw new HsmongerError('CERTMONGER_UNAVAILABLE', "The bus does not tell certmonger's process id; is certmonger running?");
}

/** The client over a connection that exists already. */
export function certmongerOn(bus: Bus, timeouts: Timeouts = {}): Certmonger {
  const daemon = daemonOn(bus, timeouts);
  const placesBy = async (member: 'get_requests' | 'get_known_cas'): Promise<RequestPlaces> => {
    const { sender, body } = await daemon.call({}, member);
    return { daemon: sender, paths: (Array.isArray(body[0]) ? body[0] : []).filter((path) => typeof path === 'string') };
  };
  const pathsBy = async (member: 'get_requests' | 'get_known_cas'): Promise<Located[]> => {
    const { daemon: sender, paths } = await placesBy(member);
    return paths.map((path) => ({ daemon: sender, path }));
  };
  const cas = async () => pooled(await pathsBy('get_known_cas'), async (at) => knownCaOf(at.path, await daemon.getAll(at, caInterface)));

  return {
    closed: bus.closed,
    running: async () => {
      const { body } = await bus.call({
        ...busObject,
        member: 'NameHasOwner',
        signature: 's',
        body: [certmongerName],
      });
      return body[0] === true;
    },
    processId: () => processIdOn(bus),
    listRequests: () =>
      attempting("list certmonger's requests", async () => {
        const nicknames = new Map((await cas()).map(({ path, nickname }) => [path, nickname]));
        const read = await pooled(await pathsBy('get_requests'), async (at) => {
          const dictionary = await daemon.getAll(at, requestInterface).catch(unlessGone);
          return dictionary === undefined ? [] : [trackingRequestOf(at.path, dictionary, nicknames.get(caPathOf(dictionary) ?? ''))];
        });
        return read.flat();
      }),
    requestPlaces: () => attempting("list certmonger's requests", () => placesBy('get_requests')),
    readAt: (at, caNickname, known) =>
      attempting('read a request', async () => {
        let digest = '';
        const isKnown = (bytes: Buffer) => (digest = createHash('sha256').update(bytes).digest('base64')) === known;
        const dictionary = await daemon.getAll(at, requestInterface, isKnown).catch(unlessGone);
        if (digest === known) return 'same';
        if (dictionary === undefined) return undefined;
        const ca = caPathOf(dictionary);
        return { request: trackingRequestOf(at.path, dictionary, ca === undefined ? undefined : await caNickname(ca)), digest };
      }),
    request: (nickname) => requestHandle(daemon, nickname),
    addRequest: (request) =>
      attempting(`track '${request.nickname}'`, async () => {
        const ca = await caFor(daemon, request.ca);
        await daemon.tokenCall(ca === undefined ? {} : { destination: ca.daemon }, 'add_request', 'a{sv}', [
          newRequestOf(request, ca?.path),
        ]);
      }),
    listCas: () => attempting("list certmonger's CAs", cas),
    ca: (nickname) => caHandle(daemon, nickname),
    addCa: (nickname, command) =>
      attempting(`add the CA '${nickname}'`, () => daemon.tokenCall({}, 'add_known_ca', 'ssas', [nickname, command, []])).then(
        () => undefined,
      ),
    onChange: changesOn(bus),
    disconnect: () => {
      bus.disconnect();
    },
  };
}

/** A request removed between the list and its reading is no failure. */
function unlessGone(error: unknown): undefined {
  if (error instanceof ErrorReply && error.errorName.endsWith('.UnknownMethod')) return undefined;
  throw error;
}
