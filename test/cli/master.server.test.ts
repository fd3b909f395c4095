import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { accountOf } from '../../src/platform/service-user.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { directoryTable } from '../rig/directory-table.js';
import { privateDirectory } from '../rig/directory.js';
import { startDirectoryServers, type DirectoryServers } from '../rig/directory-server.js';
import { runAs } from '../rig/run-as.js';
import { hsmonger } from './site.js';

/** No name server knows it: it never answers. */
const other = 'ca1.invalid';
const living = 'localhost';
const here = 'ca2.example.test';
const home = privateDirectory('master');
const flags = ['--config-dir', path.join(home.path, 'etc'), '--state-dir', path.join(home.path, 'state')];
let ds: DirectoryServers;

beforeAll(async () => {
  ensureServiceUser();
  ds = await startDirectoryServers({ hosts: [other, here, living], kra: [] });
  mkdirSync(path.join(home.path, 'etc'));
  const toml = (table: string) => `user = "pkiuser"
[token]
label = "none"
module = "/usr/lib/softhsm/libsofthsm2.so"
pin-file = "/nowhere/pin"
[nss]
database = "/nowhere/alias"
[issuer]
type = "directory"
certificate = "caSigningCert cert-pki-ca"
${table}
[[certificate]]
nickname = "subsystemCert cert-pki-ca"
profile = "caSubsystemCert"
`;
  const [server] = ds.servers;
  writeFileSync(path.join(home.path, 'etc', 'hsmonger.toml'), toml(directoryTable({ ...server!.config(), host: here })));
  // Over TLS as the host itself: reads, and knows the port at which the others answer.
  writeFileSync(
    path.join(home.path, 'etc', 'reader.toml'),
    toml(directoryTable({ ...server!.config(server!.hostBind(), 'ldaps'), host: here })),
  );
  writeFileSync(path.join(home.path, 'etc', 'alone.toml'), toml(''));
}, 60_000);

afterAll(async () => {
  await ds.stop();
  home.remove();
});

const service = (host: string, name = 'CA') => `cn=${name},cn=${host},cn=masters,cn=ipa,cn=etc,${ds.base}`;
const change = (ldif: string) => ds.servers[0]!.change(ldif);
const value = async (host: string, how: 'add' | 'delete', word = 'caRenewalMaster') => {
  await change(`dn: ${service(host)}\nchangetype: modify\n${how}: ipaConfigString\nipaConfigString: ${word}\n`);
};
/** By ldapsearch. */
const masters = async () =>
  [
    ...(await ds.servers[0]!.search('-b', `cn=masters,cn=ipa,cn=etc,${ds.base}`, '(ipaConfigString=caRenewalMaster)', 'dn')).matchAll(
      /^dn: cn=CA,cn=([^,]+)/gmu,
    ),
  ].map(([, host]) => host);

beforeEach(async () => {
  for (const host of [other, here]) await value(host, 'delete').catch(() => undefined);
  await value(other, 'add');
});

test('show names every server, the renewal master, this one, and who answers', async () => {
  const said = await hsmonger('master', 'show', '--json', '--instance', 'reader', ...flags);
  expect(said.exitCode, said.err).toBe(0);
  expect(JSON.parse(said.out)).toEqual({
    servers: expect.arrayContaining([
      { host: other, ca: true, kra: false, renewalMaster: true, here: false, reachable: false },
      { host: living, ca: true, kra: false, renewalMaster: false, here: false, reachable: true },
      { host: here, ca: true, kra: false, renewalMaster: false, here: true },
    ]) as unknown,
  });
  const table = await hsmonger('master', 'show', '--instance', 'reader', ...flags);
  expect(table.out).toMatch(/^ca1\.invalid +yes +- +yes +no$/mu);
  expect(table.out).toMatch(/^localhost +yes +- +- +yes$/mu);
  expect(table.out).toMatch(/^ca2\.example\.test \(this one\) +yes +- +- +-$/mu);
});

test('set makes this server the one renewal master, whatever the case the value was written in', async () => {
  await value(other, 'delete');
  await value(other, 'add', 'CARENEWALMASTER');
  const said = await hsmonger('master', 'set', '--yes', ...flags);
  expect(said.exitCode, said.err).toBe(0);
  expect(said.err).toContain("'ca1.invalid', renewal master until now, does not answer.");
  expect(said.out).toBe(`${here} is the renewal master now; every server takes what it publishes.\n`);
  expect(await masters()).toEqual([here]);
  expect((await hsmonger('master', 'set', ...flags)).out).toBe(`${here} is the renewal master already.\n`);
});

test('where the master before does not answer and nobody can be asked, nothing is changed', async () => {
  const said = await hsmonger('master', 'set', ...flags);
  expect(said.exitCode).toBe(2);
  expect(said.err).toContain('say --yes');
  expect(await masters()).toEqual([other]);
});

test('a KRA elsewhere stands in the way until it is said', async () => {
  await change(
    `dn: ${service(other, 'KRA')}\nchangetype: add\nobjectClass: nsContainer\nobjectClass: ipaConfigObject\ncn: KRA\nipaConfigString: enabledService\n`,
  );
  try {
    const refused = await hsmonger('master', 'set', '--yes', ...flags);
    expect(refused.exitCode).toBe(3);
    expect(refused.err).toContain('--without-kra');
    expect(await masters()).toEqual([other]);
    expect(await hsmonger('master', 'set', '--yes', '--without-kra', ...flags)).toMatchObject({ exitCode: 0 });
    expect(await masters()).toEqual([here]);
  } finally {
    await change(`dn: ${service(other, 'KRA')}\nchangetype: delete\n`);
  }
});

describe('an alarm, and the command that ends it', () => {
  test('two renewal masters', async () => {
    await value(here, 'add');
    const said = await hsmonger('master', 'show', ...flags);
    expect(said.exitCode).toBe(3);
    expect(said.out).toMatch(/are both renewal master, .*'hsmonger master set ca2\.example\.test'\.$/mu);
    expect(await hsmonger('master', 'set', here, '--yes', ...flags)).toMatchObject({ exitCode: 0 });
    expect(await masters()).toEqual([here]);
  });

  test('none', async () => {
    await value(other, 'delete');
    const said = await hsmonger('master', 'show', ...flags);
    expect(said.exitCode).toBe(3);
    expect(said.out).toContain('No server is the renewal master');
    expect(await hsmonger('master', 'set', ...flags)).toMatchObject({ exitCode: 0 });
    expect(await masters()).toEqual([here]);
  });

  test('one that has been silent for longer than the days it may: in master show and in status', async () => {
    await hsmonger('master', 'show', ...flags);
    const file = path.join(home.path, 'state', 'hsmonger', 'ledger.sqlite');
    await runAs(accountOf('pkiuser'), 'python3', [
      '-c',
      `import sqlite3; c = sqlite3.connect(${JSON.stringify(file)}); c.execute("UPDATE master_sightings SET since = '2020-01-01T00:00:00.000Z', seen = '2020-01-02T00:00:00.000Z' WHERE host = 'ca1.invalid'"); c.commit()`,
    ]);
    const sentence =
      /The renewal master 'ca1\.invalid' was last seen \d{4} days ago \(2020-01-02\), .*'hsmonger master set ca2\.example\.test'\./u;
    const said = await hsmonger('master', 'show', ...flags);
    expect(said.exitCode).toBe(3);
    expect(said.out).toMatch(sentence);
    const status = await hsmonger('status', '--json', '--bus', 'unix:path=/nowhere', ...flags);
    expect(status.exitCode).toBe(3);
    expect((JSON.parse(status.out) as { troubles: string[] }).troubles).toContainEqual(expect.stringMatching(sentence));
    // Published anew it is alive, though nothing of it answers from here.
    await change(
      `dn: cn=subsystemCert cert-pki-ca,cn=ca_renewal,cn=ipa,cn=etc,${ds.base}\nchangetype: modify\nreplace: userCertificate\nuserCertificate:: ${Buffer.from(ds.authority!.certificate.der).toString('base64')}\n`,
    );
    expect(await hsmonger('master', 'show', ...flags)).toMatchObject({ exitCode: 0 });
  });
});

test('several at once are each done or told the truth about, and one more ends it', async () => {
  const said = await Promise.all([here, other, here, other].map((host) => hsmonger('master', 'set', host, '--yes', ...flags)));
  expect(said.map(({ exitCode, err }) => (exitCode === 0 || exitCode === 3 ? 'fine' : err))).toEqual(said.map(() => 'fine'));
  expect((await hsmonger('master', 'set', here, '--yes', ...flags)).exitCode).toBe(0);
  expect(await masters()).toEqual([here]);
}, 60_000);

test('a server that stands alone is told so', async () => {
  const said = await hsmonger('master', 'show', '--instance', 'alone', ...flags);
  expect(said.exitCode).toBe(2);
  expect(said.err).toContain('has no [directory]');
});
