import { HsmongerError } from '../src/errors.js';
import { attempting, type Daemon, type Located } from './daemon.js';
import { knownCaOf, type KnownCa } from './known-ca.js';
import { caInterface, propertiesInterface } from './names.js';
import { Variant } from './wire.js';

/** One CA by its nickname. */
export interface CaHandle {
  readonly nickname: string;
  /** undefined when certmonger has no such CA. */
  find(): Promise<KnownCa | undefined>;
  /** CERTMONGER_REFUSED when certmonger has no such CA; so do all below. Asks the new helper for all it says of the CA. */
  setHelper(command: string): Promise<void>;
  /** Asks the helper again for all it says of the CA. */
  refresh(): Promise<boolean>;
  remove(): Promise<void>;
}

export function caHandle(daemon: Daemon, nickname: string): CaHandle {
  const located = <T>(work: (at: Located) => Promise<T>) =>
    daemon.located('find_ca_by_nickname', nickname, (at) => {
      if (at === undefined)
        throw new HsmongerError('CERTMONGER_REFUSED', `certmonger knows no CA '${nickname}'; 'getcert list-cas' shows those it has.`);
      return work(at);
    });
  const setHelper = (command: string) => async (at: Located) => {
    const target = { destination: at.daemon, path: at.path, interface: propertiesInterface };
    await daemon.tokenCall(target, 'Set', 'ssv', [caInterface, 'external-helper', new Variant('s', command)]);
  };
  return {
    nickname,
    find: () =>
      attempting(`read the CA '${nickname}'`, () =>
        daemon.located('find_ca_by_nickname', nickname, async (at) =>
          at === undefined ? undefined : knownCaOf(at.path, await daemon.getAll(at, caInterface)),
        ),
      ),
    setHelper: (command) => attempting(`change the helper of the CA '${nickname}'`, () => located(setHelper(command))),
    refresh: () =>
      attempting(`refresh the CA '${nickname}'`, () =>
        located(
          async (at) =>
            (await daemon.tokenCall({ destination: at.daemon, path: at.path, interface: caInterface }, 'refresh')).body[0] === true,
        ),
      ),
    remove: () =>
      attempting(`remove the CA '${nickname}'`, () =>
        located((at) => daemon.tokenCall({ destination: at.daemon }, 'remove_known_ca', 'o', [at.path])),
      ).then(() => undefined),
  };
}
