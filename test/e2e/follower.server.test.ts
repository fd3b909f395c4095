/**
 * Two suppliers that replicate; the renewal master publishes at the one, a replica whose directory is the other takes it: real 389-ds,
 * certmonger, SoftHSM2, and the agent with the capabilities of its unit. The renewal master itself is played by ldapmodify.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startAgent, type RunningAgent } from '../rig/agent.js';
import { createAuthority, type SubjectName } from '../rig/authority.js';
import { directoryTable } from '../rig/directory-table.js';
import { startDirectoryServers, type DirectoryServers } from '../rig/directory-server.js';
import { runAs } from '../rig/run-as.js';
import { withoutPersistentSearch } from '../rig/no-persistent-search.js';
import { startSite, type Site } from '../rig/site.js';

vi.setConfig({ testTimeout: 180_000 });

const ca = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
const audit = 'auditSigningCert cert-pki-ca';
const subsystem = 'subsystemCert cert-pki-ca';
const idOf = (nickname: string) => `hsmonger.${nickname.replaceAll(' ', '_')}`;

let site: Site;
let ds: DirectoryServers;
let keys: string[];
let agent: RunningAgent | undefined;
let file: string;

beforeAll(async () => {
  site = await startSite({ authority: { each: { daysLeft: 200 }, only: { [ca]: { daysLeft: 3000 } } } });
  await site.setUp();
  await site.untilQuiet(60_000);
  keys = await site.privateKeys();
  ds = await startDirectoryServers({
    suppliers: 2,
    ca: site.authority.certificate(ca).der,
    certificates: site.authority.certificates.map(({ nickname, der }) => ({ nickname, der })),
  });
  file = path.join(site.configDir, 'hsmonger.toml');
  writeFileSync(
    file,
    `${readFileSync(file, 'utf8').replace(/^type = "token"$/mu, 'type = "directory"')}\n${directoryTable(ds.servers[1]!.config())}\n[freeipa]\nsubject-base = "O=HSMONGER.TEST"\nlock-file = "${path.join(site.directory, 'renewal.lock')}"\ncsr-file = "${path.join(site.directory, 'ca.csr')}"\n`,
  );
});
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
});
afterAll(async () => {
  await site.stop();
  await ds.stop();
});

const flags = () => ['--bus', site.bus.address, '--config-dir', site.configDir, '--state-dir', site.stateDir];
const entry = (nickname: string) => `cn=${nickname},cn=ca_renewal,cn=ipa,cn=etc,${ds.base}`;

/** What the renewal master does: a new certificate for the same key, published at its own supplier. Gives it, and when it was there. */
let days = 700;
async function publish(nickname: string): Promise<{ readonly certificate: X509Certificate; readonly at: number }> {
  const spec = {
    nickname,
    profile: site.authority.certificate(nickname).profile,
    subject: subjects[nickname]!,
    keyOf: nickname,
    issuer: ca,
    daysLeft: days++,
    ageDays: 0,
    store: false,
  };
  const { certificates } = await createAuthority(site.token, { certificates: [spec] });
  await ds.servers[0]!.change(
    `dn: ${entry(nickname)}\nchangetype: modify\nreplace: userCertificate\nuserCertificate:: ${certificates[0]!.der.toString('base64')}\n`,
  );
  return { certificate: new X509Certificate(certificates[0]!.der), at: Date.now() };
}
const subjects: Record<string, SubjectName> = {
  [ocsp]: [{ O: ['HSMONGER.TEST'] }, { CN: ['OCSP Subsystem'] }],
  [audit]: [{ O: ['HSMONGER.TEST'] }, { CN: ['CA Audit'] }],
  [subsystem]: [{ O: ['HSMONGER.TEST'] }, { CN: ['CA Subsystem'] }],
};

/** Until certmonger serves exactly this certificate and is at rest, by getcert; gives when. */
async function served(nickname: string, { certificate }: { readonly certificate: X509Certificate }, patienceMs: number): Promise<number> {
  for (const end = Date.now() + patienceMs; ; await sleep(100)) {
    const record = (await site.getcertRecords()).get(idOf(nickname));
    if (record?.get('status') === 'MONITORING' && Date.parse(record.get('expires') ?? '') === Date.parse(certificate.validTo))
      return Date.now();
    if (Date.now() > end)
      throw new Error(
        `Not served within ${String(patienceMs / 1000)} s: ${JSON.stringify([...(record ?? [])])}\n${agent?.log() ?? ''}\n${(await site.cli('status')).stdout}\n${site.certmonger.log().slice(-3000)}`,
      );
  }
}

async function keptKey(nickname: string, { certificate }: { readonly certificate: X509Certificate }): Promise<void> {
  expect((await site.onToken(nickname)).map((pem) => new X509Certificate(pem).fingerprint256)).toContain(certificate.fingerprint256);
  expect(await site.privateKeys()).toEqual(keys);
}

test('what the renewal master publishes is taken at once: pushed', async () => {
  agent = startAgent([...flags(), '--poll', '3600']);
  await agent.until(/following the renewal master/u, 20_000);
  await sleep(8000);
  const published = await publish(subsystem);
  const asked = await agent.until(/'subsystemCert cert-pki-ca': the renewal master published .*was asked to take it/u, 20_000);
  const done = await served(subsystem, published, 60_000);
  console.log(`push: asked ${String(asked - published.at)} ms after it was published, served after ${String(done - published.at)} ms`);
  expect(done - published.at).toBeLessThan(60_000);
  await keptKey(subsystem, published);
  await agent.until(/'subsystemCert cert-pki-ca': certmonger has the certificate/u, 20_000);
});

test('where the directory tells of no changes the poll finds it', async () => {
  const deaf = await withoutPersistentSearch(ds.servers[1]!.ldapi, path.join(site.directory, 'deaf.socket'));
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, before.replace(/^uri = .*$/mu, `uri = ${JSON.stringify(deaf.uri)}`));
  try {
    agent = startAgent([...flags(), '--poll', '10']);
    await agent.until(/tells of no changes, so it is asked from time to time instead/u, 20_000);
    const published = await publish(ocsp);
    const done = await served(ocsp, published, 90_000);
    console.log(`poll every 10 s: served ${String(done - published.at)} ms after it was published`);
    await keptKey(ocsp, published);
  } finally {
    writeFileSync(file, before);
    await agent?.stop();
    await deaf.stop();
  }
});

test('a request that waits for the renewal master is asked again at once', async () => {
  expect(await site.cli('renew', audit)).toMatchObject({ exitCode: 0 });
  for (const end = Date.now() + 30_000; (await site.getcertRecords()).get(idOf(audit))?.get('status') !== 'CA_WORKING'; await sleep(200))
    expect(Date.now(), JSON.stringify([...((await site.getcertRecords()).get(idOf(audit)) ?? [])])).toBeLessThan(end);
  expect((await site.cli('status')).stdout).toContain('has not published a new certificate');
  // A renewal master nobody has seen for years is told about where one waits for it.
  await site.cli('master', 'show');
  await runAs(site.owner, 'python3', [
    '-c',
    `import sqlite3; c = sqlite3.connect(${JSON.stringify(site.ledger)}); c.execute("UPDATE master_sightings SET since = '2020-01-01T00:00:00.000Z', seen = NULL"); c.commit()`,
  ]);
  expect(await site.cli('renew', audit)).toMatchObject({ exitCode: 0 });
  const problemOf = async () =>
    (JSON.parse((await site.cli('status', '--json')).stdout) as { rows: { nickname: string; problem?: string }[] }).rows.find(
      (row) => row.nickname === audit,
    )?.problem ?? '';
  for (
    const end = Date.now() + 30_000;
    !/The renewal master 'ca1\.example\.test' was never seen in the \d+ days .*'hsmonger master set ca2\.example\.test'/u.test(
      await problemOf(),
    );
    await sleep(500)
  )
    expect(Date.now(), await problemOf()).toBeLessThan(end);
  agent = startAgent([...flags(), '--poll', '3600']);
  await agent.until(/The renewal master 'ca1\.example\.test' was never seen/u, 20_000);
  await sleep(8000);
  const published = await publish(audit);
  const done = await served(audit, published, 60_000);
  console.log(`push to a request that waits: served ${String(done - published.at)} ms after it was published`);
  expect(done - published.at).toBeLessThan(30_000);
  await keptKey(audit, published);
});

test('directory, watcher and certmonger go and come back: nothing is missed, and nothing is left but lines in the log', async () => {
  agent = startAgent([...flags(), '--poll', '3600']);
  await agent.until(/following/u, 20_000);
  await sleep(2000);
  await ds.kill(2);
  await agent.until(/hsmonger: (?!following).*(?:irectory|LDAP)/u, 30_000);
  const published = await publish(subsystem);
  await sleep(3000);
  await ds.start(2);
  await agent.until(/the directory is watched again/u, 90_000);
  await served(subsystem, published, 60_000);
  const [watcher] = agent.watchers();
  process.kill(watcher!, 'SIGKILL');
  await agent.until(/ended with SIGKILL/u, 10_000);
  await site.certmonger.kill('SIGKILL');
  const second = await publish(subsystem);
  await agent.until(/certmonger does not run|Cannot (?:list|talk)/u, 60_000);
  await site.certmonger.restart();
  await served(subsystem, second, 120_000);
  await keptKey(subsystem, second);
});

test('on the renewal master nothing is taken', async () => {
  expect(await site.cli('master', 'set', '--yes', '--without-kra')).toMatchObject({ exitCode: 0 });
  try {
    agent = startAgent([...flags(), '--poll', '2']);
    const { certificate } = await publish(ocsp);
    await sleep(8000);
    expect(agent.log()).not.toContain('was asked to take it');
    expect(Date.parse((await site.getcertRecords()).get(idOf(ocsp))?.get('expires') ?? '')).toBeLessThan(Date.parse(certificate.validTo));
  } finally {
    expect(await site.cli('master', 'set', 'ca1.example.test', '--yes')).toMatchObject({ exitCode: 0 });
  }
});

test('it ends at SIGTERM with 0, and its watchers with it; killed, they end too', async () => {
  for (const end of ['stop', 'SIGKILL'] as const) {
    agent = startAgent(flags());
    await agent.until(/following/u, 20_000);
    await sleep(1500);
    const watchers = agent.watchers();
    expect(watchers).toHaveLength(1);
    // Not root any more, in every one of its ids.
    expect(readFileSync(`/proc/${String(watchers[0])}/status`, 'utf8')).toMatch(
      new RegExp(`^Uid:(?:\\s+${String(site.owner.uid)}){4}$`, 'mu'),
    );
    if (end === 'stop') expect(await agent.stop()).toBe(0);
    else process.kill(agent.pid, 'SIGKILL');
    for (const patience = Date.now() + 5000; watchers.some((pid) => existsSync(`/proc/${String(pid)}`)); await sleep(50))
      expect(Date.now()).toBeLessThan(patience);
  }
});
