import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Certmonger } from '../../dbus/certmonger.js';
import type { CertificateStorage, Instance, InstanceSite } from '../config/instance.js';
import { HsmongerError, sentenceOf } from '../errors.js';
import type { Installation } from '../platform/installation.js';
import { run } from '../platform/run.js';
import { readCertificateFiles } from './certificate-files.js';
import { parseCertmongerConf, type CertmongerConf } from './certmonger-conf.js';
import { submitCommand } from './command-lines.js';
import { childEnvironment, confFileOf, homeOf, readDaemonProcess, type DaemonProcess } from './daemon-process.js';
import { versionOfDaemon } from './daemon-version.js';
import { strangerIn } from './file-owner.js';
import type { DaemonFacts, FileFacts, HelperFacts, InternalFacts, NssFacts, TokenFacts, TokenView, TrackingFacts } from './facts.js';

/** Where the facts come from. What the service user must see is asked for by the caller: it runs in a dropped child (design rule 6). */
export interface FactSources extends InstanceSite {
  readonly installation: Installation;
  readonly certmonger: Pick<Certmonger, 'listRequests' | 'listCas'>;
  /** Process id of the running daemon. */
  readonly daemonPid: () => Promise<number>;
  readonly token: () => Promise<TokenFacts>;
  readonly nss: () => Promise<Omit<NssFacts, 'internal'>>;
  readonly internal: () => Promise<InternalFacts>;
}

/** Gathers everything pre-flight looks at. What cannot be seen at all (no token, a wrong PIN, no bus) is that failure's own error. */
export async function gatherFacts(sources: FactSources): Promise<TrackingFacts> {
  const { instance, installation, certmonger } = sources;
  const lies = (kind: CertificateStorage['kind']) => instance.certificates.some(({ storage }) => storage.kind === kind);
  // Root's own look comes before anything else is touched.
  const files = await withStrangers(instance, readCertificateFiles(instance));
  // The token first: its failure is the one to hear about. Then one after another: tokens do not like company.
  const token = lies('token') ? await sources.token() : undefined;
  const nss = await sources.nss();
  const internal = lies('internal') && nss.format === 'sql' ? await sources.internal() : undefined;
  const cas = await certmonger.listCas();
  const requests = await certmonger.listRequests();
  // After the first call, which starts the daemon where it is not running.
  const pid = await sources.daemonPid();
  const daemon = readDaemonProcess(pid);
  const version = await versionOfDaemon(pid, daemon);
  return {
    instance,
    ...(token === undefined ? {} : { token }),
    nss: { ...nss, ...(internal === undefined ? {} : { internal }) },
    files,
    daemon: { ...(await daemonFacts(daemon, instance, installation)), ...(version === undefined ? {} : { version }) },
    helper: await helperFacts(daemon, installation),
    submitCommand: submitCommand(sources),
    cas,
    requests,
  };
}

async function withStrangers({ certificates }: Instance, files: readonly FileFacts[]): Promise<FileFacts[]> {
  const whole: FileFacts[] = [];
  for (const file of files) {
    const storage = certificates.find(({ nickname }) => nickname === file.nickname)?.storage;
    const stranger = storage?.kind === 'file' && storage.owner !== undefined ? await strangerIn(storage.owner) : undefined;
    whole.push(stranger === undefined ? file : { ...file, stranger });
  }
  return whole;
}

async function daemonFacts(daemon: DaemonProcess, instance: Instance, installation: Installation): Promise<DaemonFacts> {
  const confFile = confFileOf(daemon);
  return { ...(await daemonViews(daemon, instance, installation)), confFile, conf: readConf(confFile) };
}

/** What certmonger's own children see of the instance's module. Logs in nowhere. */
export async function daemonViews(
  daemon: DaemonProcess,
  { user, token }: Pick<Instance, 'user' | 'token'>,
  installation: Installation,
): Promise<Pick<DaemonFacts, 'home' | 'tokens'>> {
  const view = async (as: string): Promise<TokenView> => {
    if (token === undefined) return { labels: [] };
    const { module, parameters = '' } = token;
    const child = await run(process.execPath, [path.join(installation.addons, 'token-view.cjs'), module, as, parameters], {
      env: childEnvironment(daemon),
      cwd: '/',
      timeoutMs: 180_000,
    }).catch((error: unknown) => ({ failure: sentenceOf(error) }));
    return 'failure' in child ? child : (JSON.parse(child.stdout) as TokenView);
  };
  return { home: homeOf(daemon), tokens: { asDaemon: await view(''), asNssUser: await view(user) } };
}

function readConf(file: string): CertmongerConf {
  try {
    return parseCertmongerConf(readFileSync(file, 'utf8'));
  } catch (error) {
    // certmonger runs without one.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new HsmongerError(
      'NOT_PERMITTED',
      `Cannot read ${file} to see whether certmonger replaces keys: ${sentenceOf(error)}. Run as root.`,
      { cause: error },
    );
  }
}

/** Runs the helper's program with IDENTIFY as a child of this daemon would. */
export async function helperFacts(daemon: DaemonProcess, { executables }: Pick<Installation, 'executables'>): Promise<HelperFacts> {
  try {
    await run(path.join(executables, 'hsmonger-submit'), [], {
      env: { ...childEnvironment(daemon), CERTMONGER_OPERATION: 'IDENTIFY' },
      cwd: '/',
      timeoutMs: 60_000,
    });
    return { answers: true };
  } catch (error) {
    return { answers: false, failure: sentenceOf(error).replace(/\.$/u, '') };
  }
}
