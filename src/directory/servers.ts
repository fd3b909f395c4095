import { HsmongerError } from '../errors.js';
import { again } from './again.js';
import type { Directory, Entry } from './directory.js';
import { sameDn } from './dn-text.js';
import { textsOf } from './entry-values.js';
import { and, equals, or, present } from './filter.js';
import { caServiceDn, escapeValue, mastersDn } from './tree.js';

/** One of FreeIPA's servers. */
export interface Server {
  readonly host: string;
  /** Has a CA that is in use, hidden or not. */
  readonly ca: boolean;
  readonly kra: boolean;
  readonly renewalMaster: boolean;
}

const flag = 'caRenewalMaster';
/** ipaserver/install/service.py: what ipaConfigString says of a service that runs; 'configuredService' is one that does not yet. */
const inUse = new Set(['enabledservice', 'hiddenservice']);

/** Every server of the domain, by name. */
export async function listServers(directory: Directory, base: string): Promise<Server[]> {
  const masters = mastersDn(base);
  const hosts = await directory.search({ base: masters, scope: 'one', filter: present('cn'), attributes: ['cn'] });
  const services = await directory.search({
    base: masters,
    scope: 'subtree',
    filter: or(equals('cn', 'CA'), equals('cn', 'KRA')),
    attributes: ['cn', 'ipaConfigString'],
  });
  return hosts
    .flatMap((entry) => textsOf(entry, 'cn').slice(0, 1))
    .map((host) => {
      const service = (name: string) => services.find(({ dn }) => sameDn(dn, `cn=${name},cn=${escapeValue(host)},${masters}`));
      const ca = service('CA');
      return { host, ca: runs(ca), kra: runs(service('KRA')), renewalMaster: flagsOf(ca).length > 0 };
    })
    .sort((a, b) => (a.host < b.host ? -1 : 1));
}

export async function isRenewalMaster(directory: Directory, base: string, host: string): Promise<boolean> {
  const [entry] = await directory.search({ base: caServiceDn(base, host), scope: 'base', attributes: ['ipaConfigString'] });
  return flagsOf(entry).length > 0;
}

/**
 * Whether the host is the renewal master and no other is. What several masters would each remove they leave alone: a conflict entry that is
 * deleted at two suppliers at once stops 389-ds's replication for good, each sends its deletion again and again and the other's update
 * vector never moves.
 */
export async function isOnlyRenewalMaster(directory: Directory, base: string, host: string): Promise<boolean> {
  const found = await holders(directory, base);
  return found.length === 1 && found.every(({ dn }) => sameDn(dn, caServiceDn(base, host)));
}

/**
 * Makes one server the renewal master and every other none (cainstance.py, set_renewal_master); reads again afterwards, because
 * another supplier may have taken another's. MASTER_UNKNOWN when the server has no CA.
 */
export async function setRenewalMaster(directory: Directory, base: string, host: string): Promise<void> {
  const own = caServiceDn(base, host);
  await again(async () => {
    const [entry] = await directory.search({ base: own, scope: 'base', attributes: ['ipaConfigString'] });
    if (entry === undefined)
      throw new HsmongerError(
        'MASTER_UNKNOWN',
        `${host} cannot be the renewal master: the directory has no ${own}. \`hsmonger master show\` lists the servers with a CA.`,
      );
    // The others first: two masters would both renew, and none is told of by an alarm.
    for (const other of await holders(directory, base)) {
      if (!sameDn(other.dn, own))
        await directory.modify(other.dn, [{ operation: 'delete', attribute: 'ipaConfigString', values: flagsOf(other) }]);
    }
    if (flagsOf(entry).length === 0) await directory.modify(own, [{ operation: 'add', attribute: 'ipaConfigString', values: [flag] }]);
    const left = await holders(directory, base);
    if (left.length !== 1 || left[0] === undefined || !sameDn(left[0].dn, own))
      throw new HsmongerError(
        'DIRECTORY_CHANGED',
        `Another server was made the renewal master while ${host} was; look at \`hsmonger master show\` and set it again.`,
      );
  });
}

function holders(directory: Directory, base: string): Promise<Entry[]> {
  return directory.search({
    base: mastersDn(base),
    scope: 'subtree',
    filter: and(equals('cn', 'CA'), equals('ipaConfigString', flag)),
    attributes: ['ipaConfigString'],
  });
}

const runs = (entry: Entry | undefined) => textsOf(entry, 'ipaConfigString').some((value) => inUse.has(value.toLowerCase()));
/** As they are spelt, so that they can be named. */
const flagsOf = (entry: Entry | undefined) =>
  textsOf(entry, 'ipaConfigString').filter((value) => value.toLowerCase() === flag.toLowerCase());
