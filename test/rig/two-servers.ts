import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { run } from '../../src/platform/run.js';
import { startAgent, type RunningAgent } from './agent.js';
import { startDirectoryServers, type DirectoryServers } from './directory-server.js';
import { directoryTable } from './directory-table.js';
import { privateDirectory } from './directory.js';
import { runAs } from './run-as.js';
import { startSite, type Site } from './site.js';

/** One server of the CA: certmonger, NSS database and state of its own, and hsmonger set up on it with the supplier beside it. */
export interface CaServer {
  readonly site: Site;
  /** As the directory calls it. */
  readonly host: string;
  /** Its instance file. */
  readonly file: string;
  /** `hsmonger agent`; the one before is ended. */
  startAgent(...flags: string[]): Promise<RunningAgent>;
  agent(): RunningAgent | undefined;
  /** By nickname when each certificate ends that certmonger has, by getcert, of those at rest. */
  served(): Promise<Map<string, number>>;
  /** How many certificates its issuer ever made. */
  issued(): number;
  /** PEM under the nickname in the NSS database itself, by certutil. */
  inDatabase(nickname: string): Promise<string | undefined>;
}

/** Two servers of one CA: a token both use, and a supplier for each that replicates to the other's. */
export interface TwoServers {
  readonly ds: DirectoryServers;
  readonly master: CaServer;
  readonly replica: CaServer;
  /** Those both track. */
  readonly nicknames: readonly string[];
  /** What is published at a supplier, by nickname, conflict entries left out. */
  published(supplier: 1 | 2): Promise<Map<string, X509Certificate[]>>;
  stop(): Promise<void>;
}

export const caNickname = 'caSigningCert cert-pki-ca';

export interface TwoServersOptions {
  /**
   * The replica is one without an HSM, and knows nothing of the token: it tracks these alone, key and certificate in its NSS database, and
   * takes what is published (issuer.type = "directory").
   */
  readonly software?: readonly string[];
}

/** Nothing is due: what is renewed is renewed because a test asks for it. */
export async function startTwoServers({ software = [] }: TwoServersOptions = {}): Promise<TwoServers> {
  const outside = new Map(
    software.map((nickname) => [
      nickname,
      generateKeyPairSync('rsa', {
        modulusLength: 2048,
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
        publicKeyEncoding: { type: 'spki', format: 'pem' },
      }).privateKey,
    ]),
  );
  const only = Object.fromEntries([...outside].map(([nickname, privateKey]) => [nickname, { privateKey }]));
  const first = await startSite({ authority: { each: { daysLeft: 200 }, only: { ...only, [caNickname]: { daysLeft: 3000 } } } });
  const second = await startSite({ beside: first, withoutHsm: software.length > 0 });
  if (software.length > 0) await importAuthority(second);
  for (const [nickname, privateKey] of outside) await importKey(second, nickname, privateKey);
  const certificates = first.authority.certificates.map(({ nickname, der }) => ({ nickname, der }));
  // The third has a CA and no part in this: the role can be moved to it and back.
  const ds = await startDirectoryServers({
    suppliers: 2,
    hosts: ['ca1.example.test', 'ca2.example.test', 'ca3.example.test'],
    ca: first.authority.certificate(caNickname).der,
    certificates,
  });
  const [master, replica] = [await setUp(first, ds, 0), await setUp(second, ds, 1, software)];
  return {
    ds,
    master,
    replica,
    nicknames: certificates.map(({ nickname }) => nickname).filter((nickname) => software.length === 0 || software.includes(nickname)),
    published: async (supplier) => {
      const found = await ds.servers[supplier - 1]!.search(
        '-b',
        `cn=ca_renewal,cn=ipa,cn=etc,${ds.base}`,
        '-s',
        'one',
        '(objectClass=pkiuser)',
        'cn',
        'userCertificate',
      );
      return new Map(
        found.split(/\n\n+/u).flatMap((entry) => {
          const nickname = /^cn: (.*)$/mu.exec(entry)?.[1];
          return nickname === undefined
            ? []
            : [
                [
                  nickname,
                  [...entry.matchAll(/^userCertificate(?:;binary)?:: (\S+)$/gmu)].map(
                    ([, value = '']) => new X509Certificate(Buffer.from(value, 'base64')),
                  ),
                ] as const,
              ];
        }),
      );
    },
    stop: async () => {
      await Promise.all([master.agent()?.stop(), replica.agent()?.stop()]);
      await second.stop();
      await first.stop();
      await ds.stop();
    },
  };
}

async function setUp(site: Site, ds: DirectoryServers, index: 0 | 1, software: readonly string[] = []): Promise<CaServer> {
  if (software.length === 0) await site.setUp();
  else await setUpSoftware(site, software);
  await site.untilQuiet(90_000);
  const file = path.join(site.configDir, 'hsmonger.toml');
  const server = ds.servers[index]!;
  writeFileSync(
    file,
    `${readFileSync(file, 'utf8')}\n${directoryTable(server.config())}\n[freeipa]\nsubject-base = "O=HSMONGER.TEST"\nlock-file = "${path.join(site.directory, 'renewal.lock')}"\ncsr-file = "${path.join(site.directory, 'ca.csr')}"\n`,
  );
  let agent: RunningAgent | undefined;
  return {
    site,
    host: server.host,
    file,
    agent: () => agent,
    startAgent: async (...flags) => {
      await agent?.stop();
      agent = startAgent(['--bus', site.bus.address, '--config-dir', site.configDir, '--state-dir', site.stateDir, ...flags]);
      await agent.until(/following the renewal master/u, 20_000);
      // Its watcher has yet to bind.
      await sleep(3000);
      return agent;
    },
    served: async () => {
      const records = [...(await site.getcertRecords()).values()].filter((record) => record.get('status') === 'MONITORING');
      return new Map(
        records.map((record) => [
          /nickname='([^']+)'/u.exec(record.get('certificate') ?? '')?.[1] ?? '',
          Date.parse(record.get('expires') ?? ''),
        ]),
      );
    },
    issued: () => {
      const ledger = new Sqlite(site.ledger, { readonly: true });
      try {
        return (ledger.prepare('SELECT count(*) AS n FROM issued').get() as { n: number }).n;
      } finally {
        ledger.close();
      }
    },
    inDatabase: async (nickname) => {
      const { stdout } = await runAs(
        site.owner,
        'certutil',
        ['-L', '-d', `sql:${site.nss.database}`, '-n', nickname, '-a', '-f', site.nss.loginFile],
        { env: site.token.environment, cwd: '/', okExitCodes: [0, 255] },
      );
      return /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/u.exec(stdout)?.[0];
    },
  };
}

/** The instance file comes first: setup has no words for what is not on the token. */
async function setUpSoftware(site: Site, software: readonly string[]): Promise<void> {
  const tables = software
    .map(
      (nickname) =>
        `[[certificate]]\nnickname = "${nickname}"\nprofile = "${site.authority.certificate(nickname).profile}"\ntoken = "internal"\n`,
    )
    .join('\n');
  mkdirSync(site.configDir, { mode: 0o755 });
  writeFileSync(
    path.join(site.configDir, 'hsmonger.toml'),
    `user = "${site.owner.name}"\n\n[nss]\ndatabase = "${site.nss.database}"\n\n[issuer]\ntype = "directory"\ncertificate = "${caNickname}"\n\n${tables}`,
  );
  const { exitCode, stdout, stderr } = await site.cli('setup', '--yes');
  if (exitCode !== 0) throw new Error(`setup ended with ${String(exitCode)}:\n${stdout}\n${stderr}`);
}

/** The CA's certificate alone: its key is the HSM's. */
async function importAuthority(site: Site): Promise<void> {
  await runAs(
    site.owner,
    'certutil',
    ['-A', '-d', `sql:${site.nss.database}`, '-n', caNickname, '-t', 'CT,C,C', '-f', site.nss.loginFile, '-a'],
    { cwd: '/', input: site.authority.certificate(caNickname).pem },
  );
}

/** What FreeIPA does for a replica without an HSM: the key travels by PKCS#12. */
async function importKey(site: Site, nickname: string, privateKey: string): Promise<void> {
  const scratch = privateDirectory('import');
  const file = (name: string, text?: string) => {
    const found = path.join(scratch.path, name);
    if (text !== undefined) writeFileSync(found, text);
    return found;
  };
  await run('openssl', [
    'pkcs12',
    '-export',
    '-inkey',
    file('key', privateKey),
    '-in',
    file('certificate', site.authority.certificate(nickname).pem),
    '-name',
    nickname,
    '-passout',
    'pass:x',
    '-out',
    file('p12'),
  ]);
  chmodSync(file('p12'), 0o644);
  await runAs(site.owner, 'pk12util', ['-i', file('p12'), '-d', `sql:${site.nss.database}`, '-W', 'x', '-K', ''], { cwd: '/' });
  scratch.remove();
}
