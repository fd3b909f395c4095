import { createHash } from 'node:crypto';
import type { Instance } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import type { Directory } from '../directory/directory.js';
import { masterAlarm, sameHost } from '../directory/master-alarm.js';
import { listServers, type Server } from '../directory/servers.js';
import { readShared } from '../directory/shared-certificates.js';
import { systemCertificates } from '../freeipa/system-certificates.js';
import type { Database } from '../ledger/database.js';
import { noteLook } from '../ledger/master-sightings.js';
import { answersTls } from '../platform/answers-tls.js';
import { defaultGoneDays } from './remembered-alarm.js';

/** A server of the CA as it is seen from here. */
export interface SeenServer extends Server {
  /** It is the one this runs on. */
  readonly here: boolean;
  /** It answered; of this server itself nothing is asked. Absent where it was not tried. */
  readonly reachable?: boolean;
}

export interface ServersLook {
  readonly servers: readonly SeenServer[];
  /** What is wrong with the renewal master (directory/master-alarm.ts). */
  readonly alarm?: string;
}

export interface LookParts {
  readonly instance: Instance;
  readonly directory: Directory;
  readonly ledger: Database;
  readonly now: Date;
  /** Default: LDAPS, and Dogtag's port behind FreeIPA's web server or its own. */
  readonly ports?: readonly number[];
  readonly timeoutMs?: number;
  /** Look for every server, not for the renewal master alone. */
  readonly all?: boolean;
}

const usualPorts = [636, 443, 8443];

/** Who the servers are, who of them answers, and whether somebody renews; what was seen of the renewal master is remembered. */
export async function lookAtServers({
  instance,
  directory,
  ledger,
  now,
  ports = usualPorts,
  timeoutMs = 3000,
  all = false,
}: LookParts): Promise<ServersLook> {
  const { base, host } = directoryOf(instance);
  const listed = await listServers(directory, base);
  const servers = await Promise.all(
    listed.map(async (server): Promise<SeenServer> => {
      const here = sameHost(server.host, host);
      if (here || !(all || server.renewalMaster)) return { ...server, here };
      return { ...server, here, reachable: await answersTls(server.host, portsFor(instance, ports), timeoutMs) };
    }),
  );
  const masters = servers.filter(({ renewalMaster }) => renewalMaster);
  const [master, ...more] = masters;
  const sighting =
    master === undefined || more.length > 0 || master.here
      ? undefined
      : noteLook(
          ledger,
          { host: master.host, reachable: master.reachable === true, published: await publishedNow(instance, directory, base) },
          now,
        );
  const alarm = masterAlarm(now, {
    instance: instance.name,
    host,
    masters: masters.map((server) => server.host),
    goneDays: instance.freeipa?.masterGoneDays ?? defaultGoneDays,
    ...(sighting === undefined ? {} : { sighting }),
  });
  return { servers, ...(alarm === undefined ? {} : { alarm }) };
}

/** The certificates of the instance that every server of the CA has, and that only the renewal master renews. */
export function sharedNicknames({ certificates }: Pick<Instance, 'certificates'>): string[] {
  return certificates
    .map(({ nickname }) => nickname)
    .filter((nickname) => systemCertificates.some((known) => known.shared && known.nickname === nickname));
}

/** What was published by when: the renewal master alone changes it. */
async function publishedNow(instance: Instance, directory: Directory, base: string): Promise<string> {
  const hash = createHash('sha256');
  for (const nickname of sharedNicknames(instance)) {
    const values = (await readShared(directory, base, nickname)).map(({ der }) => Buffer.from(der).toString('base64'));
    hash.update(JSON.stringify([nickname, values.sort()]));
  }
  return hash.digest('hex');
}

function portsFor({ directory }: Instance, usual: readonly number[]): number[] {
  // Where this site's LDAPS is elsewhere, it is so on the other servers too.
  const own = /^ldaps:\/\/[^/]*:(?<port>\d+)/u.exec(directory?.uri ?? '')?.groups?.['port'];
  return own === undefined ? [...usual] : [Number(own), ...usual];
}

/** CONFIG_INVALID where the instance knows no directory. */
export function directoryOf(instance: Pick<Instance, 'file' | 'directory'>): NonNullable<Instance['directory']> {
  if (instance.directory === undefined)
    throw new HsmongerError(
      'CONFIG_INVALID',
      `${instance.file} has no [directory], so there are no other servers to know about; add one as docs/configuration.md says.`,
    );
  return instance.directory;
}
