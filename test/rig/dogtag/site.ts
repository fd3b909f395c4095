import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemCertificates, type SystemCertificate } from '../../../src/freeipa/system-certificates.js';
import { installation } from '../../../src/platform/installation.js';
import { run } from '../../../src/platform/run.js';
import { submitCommand } from '../../../src/tracking/command-lines.js';
import { startBus, type PrivateBus } from '../bus.js';
import { getcert, getcertRecords, startCertmonger, tokenWasAway, type Certmonger } from '../certmonger.js';
import { privateDirectory } from '../directory.js';
import type { Dogtag } from '../dogtag.js';
import { hostName } from './chroot.js';
import { base, plantFreeIpa } from './freeipa-tree.js';
import { pkiBase, subjectBase } from './pkispawn.js';
import { url } from './server.js';

/** certmonger and hsmonger on the rig's machine, an instance file for its CA and KRA, and every system certificate tracked. */
export interface DogtagSite {
  readonly rig: Dogtag;
  readonly directory: string;
  readonly instanceFile: string;
  readonly stateDir: string;
  readonly bus: PrivateBus;
  readonly certmonger: Certmonger;
  /** Ids of certmonger's requests by nickname. */
  readonly requests: ReadonlyMap<string, string>;
  /** dist/hsmonger with this site's flags, in the rig's network. */
  cli(...args: string[]): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }>;
  /** The certificates under the nickname, wherever its place is. */
  held(certificate: SystemCertificate): Promise<X509Certificate[]>;
  /** Rewrites the instance file. */
  configure(agent: boolean): void;
  /** Until the request rests, or waits for somebody: certmonger's word for it. */
  settled(nickname: string, patienceMs?: number): Promise<string>;
  /** certmonger's file of the request. */
  requestFile(nickname: string): string;
  /** The instance's ledger file. */
  readonly ledger: string;
  /** What ldapsearch prints, as the Directory Manager: its arguments. */
  search(...args: string[]): Promise<string>;
  /** Until every request is MONITORING. */
  untilQuiet(patienceMs?: number): Promise<void>;
  /** What certmonger, hsmonger and the units wrote last. */
  logs(): string;
  stop(): Promise<void>;
}

export async function startDogtagSite(rig: Dogtag): Promise<DogtagSite> {
  const scratch = privateDirectory('dogtag-site');
  const directory = scratch.path;
  const directories = { config: path.join(directory, 'etc'), state: path.join(directory, 'state') };
  mkdirSync(directories.config);
  const instanceFile = path.join(directories.config, 'hsmonger.toml');
  const configure = (agent: boolean) => writeFileSync(instanceFile, instanceToml(rig, directory, agent), { mode: 0o644 });
  configure(true);
  const pemsOf = async ({ nickname, storage }: Pick<SystemCertificate, 'nickname' | 'storage'>) =>
    storage === 'file' ? [readFileSync(rig.agent.certificate, 'utf8')] : rig.certificates(nickname, storage);
  const published = [];
  for (const one of systemCertificates) if (one.shared) published.push({ nickname: one.nickname, pem: (await pemsOf(one))[0] ?? '' });
  await plantFreeIpa(rig.root, published);
  const bus = await startBus(directory);
  const certmonger = await startCertmonger({ directory, bus, token: rig.token, command: rig.command });
  const flags = ['--bus', bus.address, '--config-dir', directories.config, '--state-dir', directories.state];
  const cli: DogtagSite['cli'] = (...args) =>
    rig.enter(path.join(installation().executables, 'hsmonger'), [...flags, ...args], { okExitCodes: [0, 1, 2, 3], timeoutMs: 1_500_000 });
  const records = () => getcertRecords(bus);
  const logs = () =>
    `${certmonger.log().slice(-6000)}\n${readFileSync(path.join(rig.root, 'var/log/rig-systemctl.log'), 'utf8').slice(-2000)}`;

  await getcert(bus, [
    'add-ca',
    '-c',
    'hsmonger',
    '-e',
    submitCommand({ instance: { name: 'hsmonger' }, directories, installation: installation() }),
  ]);
  const applied = await cli('track', 'apply');
  if (applied.exitCode !== 0)
    throw new Error(`track apply ended with ${String(applied.exitCode)}:\n${applied.stdout}\n${applied.stderr}\n${logs()}`);
  const requests = new Map(
    [...(await records())].map(([id, record]) => [/nickname='([^']*)'/u.exec(record.get('certificate') ?? '')?.[1] ?? 'ipaCert', id]),
  );

  const settled: DogtagSite['settled'] = async (nickname, patienceMs = 180_000) => {
    for (const end = Date.now() + patienceMs; ; await sleep(300)) {
      const record = (await records()).get(requests.get(nickname) ?? '');
      const status = record?.get('status') ?? 'none';
      if (tokenWasAway(status)) await getcert(bus, ['resubmit', '-i', requests.get(nickname) ?? ''], [0, 1]);
      else if (status === 'MONITORING' || record?.get('stuck') === 'yes') return status;
      if (Date.now() > end) throw new Error(`'${nickname}' is still ${status} after ${String(patienceMs / 1000)} s.\n${logs()}`);
    }
  };
  return {
    rig,
    directory,
    instanceFile,
    stateDir: directories.state,
    bus,
    certmonger,
    requests,
    cli,
    held: async (certificate) => (await pemsOf(certificate)).map((pem) => new X509Certificate(pem)),
    configure,
    settled,
    requestFile: (nickname) => {
      const line = `id=${requests.get(nickname) ?? ''}\n`;
      const found = readdirSync(certmonger.requestsDirectory)
        .map((name) => path.join(certmonger.requestsDirectory, name))
        .find((file) => readFileSync(file, 'utf8').includes(line));
      if (found === undefined) throw new Error(`certmonger has no file of the request for '${nickname}'.`);
      return found;
    },
    ledger: path.join(directories.state, 'hsmonger', 'ledger.sqlite'),
    search: async (...args) =>
      (
        await run('ldapsearch', [
          '-LLL',
          '-o',
          'ldif-wrap=no',
          '-Q',
          '-Y',
          'EXTERNAL',
          '-H',
          `ldapi://${encodeURIComponent(rig.ldapi)}`,
          ...args,
        ])
      ).stdout,
    untilQuiet: async (patienceMs) => {
      for (const nickname of requests.keys()) {
        const status = await settled(nickname, patienceMs);
        if (status !== 'MONITORING') throw new Error(`'${nickname}' is ${status}.\n${(await cli('status')).stdout}\n${logs()}`);
      }
    },
    logs,
    stop: async () => {
      await certmonger.stop();
      await bus.stop();
      scratch.remove();
    },
  };
}

/** As an administrator would write it for this server, the renewal master; without an agent its requests wait for one. */
function instanceToml(rig: Dogtag, directory: string, agent: boolean): string {
  const certificates = systemCertificates.map(({ nickname, profile, storage }) => {
    const place = {
      token: '',
      internal: 'token = "internal"\n',
      file: `certificate-file = "${rig.agent.certificate}"\nkey-file = "${rig.agent.key}"\n`,
    }[storage];
    return `[[certificate]]\nnickname = "${nickname}"\nprofile = "${profile}"\n${place}`;
  });
  return `user = "${rig.owner.name}"

[token]
label = "${rig.token.label}"
module = "${rig.token.module}"
pin-file = "${rig.token.pinFile}"
environment = { SOFTHSM2_CONF = "${rig.token.confFile}" }

[nss]
database = "${rig.database}"
password-file = "${rig.passwordFile}"

[issuer]
type = "dogtag"
certificate = "caSigningCert cert-pki-ca"
url = "${url}"
ca-file = "${rig.caFile}"
${agent ? `agent-certificate = "${rig.agent.certificate}"\nagent-key = "${rig.agent.key}"` : ''}

[directory]
uri = "ldapi://${encodeURIComponent(rig.ldapi)}"
bind = "external"
base = "${base}"
pki-base = "${pkiBase}"
host = "${hostName}"

[freeipa]
subject-base = "${subjectBase}"
lock-file = "${directory}/renewal.lock"
csr-file = "${directory}/ca.csr"

[pki]
directory = "${rig.instance}"
unit = "${rig.unit}.service"
certificates-in-config = true

${certificates.join('\n')}`;
}
