import { HsmongerError } from '../src/errors.js';
import { attempting, type Daemon, type Located } from './daemon.js';
import { knownCaOf } from './known-ca.js';
import { caInterface, propertiesInterface, requestInterface } from './names.js';
import { noNetscapeType } from './netscape-type.js';
import { changesOf, type RequestChanges, type RequestSettings } from './request-settings.js';
import { caPathOf, trackingRequestOf, type TrackingRequest } from './tracking-request.js';
import { Variant } from './wire.js';

/** One request by its nickname. Its object path is looked up for every call. */
export interface RequestHandle {
  readonly nickname: string;
  /** undefined when certmonger has no such request. */
  find(): Promise<TrackingRequest | undefined>;
  /** REQUEST_NOT_FOUND when certmonger has no such request; so do all below. */
  read(): Promise<TrackingRequest>;
  /**
   * Restarts the request too. Not transactional: what certmonger read before a refused key is applied. Nothing to change: nothing is sent.
   */
  modify(changes: RequestSettings<RequestChanges>): Promise<void>;
  /** Restarts the request: key and certificate are read again, and nothing else is changed (tdbush.c:3173-3710). */
  readAnew(): Promise<void>;
  /** Has certmonger ask for no type of Netscape's: what is under way goes on. */
  omitNetscapeType(): Promise<void>;
  /** Asks for a new certificate. Re-keys unless the request's key type and size are the real key's: track with both. */
  resubmit(): Promise<boolean>;
  /** Runs the helper now; false in states where there is nothing to refresh (states.ts). */
  refresh(): Promise<boolean>;
  /** Stops tracking; key and certificate stay. */
  remove(): Promise<void>;
}

export function requestHandle(daemon: Daemon, nickname: string): RequestHandle {
  const missing = () =>
    new HsmongerError('REQUEST_NOT_FOUND', `certmonger tracks no request '${nickname}'; 'hsmonger track list' shows those it has.`);
  const located = <T>(work: (at: Located) => Promise<T>) =>
    daemon.located('find_request_by_nickname', nickname, (at) => {
      if (at === undefined) throw missing();
      return work(at);
    });
  const working = (member: 'resubmit' | 'refresh') =>
    located(
      async (at) =>
        (await daemon.tokenCall({ destination: at.daemon, path: at.path, interface: requestInterface }, member)).body[0] === true,
    );
  const readAt = async (at: Located) => {
    const dictionary = await daemon.getAll(at, requestInterface);
    const path = caPathOf(dictionary);
    const ca = path === undefined ? undefined : knownCaOf(path, await daemon.getAll({ ...at, path }, caInterface)).nickname;
    return trackingRequestOf(at.path, dictionary, ca);
  };
  const handle: RequestHandle = {
    nickname,
    find: () =>
      attempting(`read the request '${nickname}'`, () =>
        daemon.located('find_request_by_nickname', nickname, async (at) => (at === undefined ? undefined : readAt(at))),
      ),
    read: () => attempting(`read the request '${nickname}'`, () => located(readAt)),
    modify: (changes) =>
      attempting(`change the request '${nickname}'`, () =>
        located(async (at) => {
          const values = changesOf(changes, (await caFor(daemon, changes.ca, at.daemon))?.path);
          // An empty dictionary does not reach the method at all: certmonger cannot parse it.
          if (Object.keys(values).length > 0)
            await daemon.tokenCall({ destination: at.daemon, path: at.path, interface: requestInterface }, 'modify', 'a{sv}', [values]);
        }),
      ),
    readAnew: async () => {
      const { monitoring } = await handle.read();
      await handle.modify({ monitoring });
    },
    omitNetscapeType: () =>
      attempting(`change the request '${nickname}'`, () =>
        located((at) =>
          daemon.call({ destination: at.daemon, path: at.path, interface: propertiesInterface }, 'Set', 'ssv', [
            requestInterface,
            'template-ns-certtype',
            new Variant('s', noNetscapeType),
          ]),
        ),
      ).then(() => undefined),
    resubmit: () => attempting(`resubmit the request '${nickname}'`, () => working('resubmit')),
    refresh: () => attempting(`refresh the request '${nickname}'`, () => working('refresh')),
    remove: () =>
      attempting(`stop tracking '${nickname}'`, () =>
        located((at) => daemon.tokenCall({ destination: at.daemon }, 'remove_request', 'o', [at.path])),
      ).then(() => undefined),
  };
  return handle;
}

/** The CA with this nickname, in exactly that run of the daemon where one is named. */
export async function caFor(daemon: Daemon, ca: string | undefined, destination?: string): Promise<Located | undefined> {
  if (ca === undefined) return undefined;
  const at = await daemon.find('find_ca_by_nickname', ca, destination);
  if (at === undefined)
    throw new HsmongerError(
      'CERTMONGER_REFUSED',
      `certmonger knows no CA '${ca}'; register it with 'hsmonger setup', or see 'getcert list-cas'.`,
    );
  return at;
}
