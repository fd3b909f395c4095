import { statfsSync, type StatsFs } from 'node:fs';
import { stateDirectory } from '../../config/directories.js';
import type { Instance, InstanceSite } from '../../config/instance.js';
import type { NssProbe, Probe, Verdict } from '../../diagnosis/probe.js';
import { reaches } from '../../directory/reaches.js';
import { unwritableIn } from '../../nss/writable.js';
import { answersTls } from '../../platform/answers-tls.js';

/** What a process without privileges sees of all but the token. */
export type EnvironmentProbe = Pick<Probe, 'nss' | 'directory' | 'ca' | 'disk'>;

/** A handshake across a slow line; both are asked at once. */
const answerMs = 5000;
/** A ledger, an NSS database and some request files are written anew within it. */
const leastBytes = 16 * 1024 * 1024;
const leastFiles = 100;

export async function probeEnvironment({ instance, directories }: InstanceSite): Promise<EnvironmentProbe> {
  const [directory, ca] = await Promise.all([directoryVerdict(instance), caVerdict(instance)]);
  const saved = savesToNss(instance);
  return {
    ...(saved ? { nss: nssProbe(instance) } : {}),
    ...(directory === undefined ? {} : { directory }),
    ...(ca === undefined ? {} : { ca }),
    disk: roomIn([stateDirectory(directories, instance), ...(saved ? [instance.nss.database] : [])]),
  };
}

/** certmonger saves what lies on a token through the NSS database too. */
function savesToNss({ certificates }: Instance): boolean {
  return certificates.some(({ storage }) => storage.kind !== 'file');
}

function nssProbe({ nss }: Instance): NssProbe {
  return { unwritable: unwritableIn(nss.database) };
}

async function directoryVerdict({ directory }: Instance): Promise<Verdict | undefined> {
  if (directory === undefined || (await reaches(directory.uri, answerMs))) return directory === undefined ? undefined : { ok: true };
  return {
    ok: false,
    code: 'DIRECTORY_UNAVAILABLE',
    problem: `Nothing takes up a connection at the directory ${directory.uri} within ${String(answerMs / 1000)} seconds; start it, or check the network on the way.`,
  };
}

async function caVerdict({ issuer }: Instance): Promise<Verdict | undefined> {
  if (issuer.type !== 'dogtag') return undefined;
  const { hostname, port } = new URL(issuer.url);
  if (await answersTls(hostname.replace(/^\[|\]$/gu, ''), [port === '' ? 443 : Number(port)], answerMs)) return { ok: true };
  return {
    ok: false,
    code: 'CA_UNREACHABLE',
    problem: `The CA at ${issuer.url} takes up no TLS within ${String(answerMs / 1000)} seconds; start it, or check the network on the way.`,
  };
}

/** The first file system without room for what a renewal writes; one that cannot be asked is other probes' business. */
export function roomIn(places: readonly string[]): Verdict {
  for (const place of places) {
    const stats = statsOf(place);
    if (stats === undefined) continue;
    const bytes = stats.bavail * stats.bsize;
    // Some file systems (btrfs) count no files.
    if (bytes >= leastBytes && (stats.files === 0 || stats.ffree >= leastFiles)) continue;
    const left = bytes < leastBytes ? `${String(Math.floor(bytes / 1024 / 1024))} MiB are` : `${String(stats.ffree)} files are`;
    return {
      ok: false,
      code: 'STATE_UNAVAILABLE',
      problem: `Only ${left} left on the file system of ${place}, too little for renewals; make room there.`,
    };
  }
  return { ok: true };
}

function statsOf(place: string): StatsFs | undefined {
  try {
    return statfsSync(place);
  } catch {
    return undefined;
  }
}
