import { X509Certificate } from 'node:crypto';
import { chownSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { importedFile } from '../../src/issuer/external/imported.js';
import type { Resumed, SaveReport } from '../../src/renewal/save.js';
import { createAuthority } from '../rig/authority.js';
import { createOutsideAuthority, type OutsideAuthority } from '../rig/outside-authority.js';
import { ca, subsystem } from './saving-rig.js';
import { serverRig, unit, type ServerRig } from './server-rig.js';

// Each test starts a dozen processes; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const root = 'CN=Root,O=Outside';
const intermediate = 'CN=Intermediate,O=Outside';
const foreign = 'Another Authority';
const otherName = 'EXAMPLE.TEST IPA CA';
let rig: ServerRig;
let outside: OutsideAuthority;
let imported: string;
let days = 4000;

beforeAll(async () => {
  rig = await serverRig({ password: 'internal secret 1' });
  outside = createOutsideAuthority(path.join(rig.directory, 'outside'));
  imported = importedFile(rig.stateDirectory, rig.old.certificate(ca).spki);
});
afterAll(async () => {
  await rig.stop();
});

const certutil = (...args: string[]) => rig.nssutils('certutil', ...args, '-d', `sql:${rig.nss.database}`, '-f', rig.nss.loginFile);
const trusts = async () => (await rig.listed()).internal;
const derOf = (file: string) => new X509Certificate(readFileSync(file)).raw;

/** As `ca import` leaves it: the answer, and its chain behind it. */
function keepImported(...files: string[]): void {
  const { uid, gid } = rig.token.owner!;
  mkdirSync(path.dirname(imported), { recursive: true, mode: 0o700 });
  writeFileSync(imported, files.map((file) => readFileSync(file, 'utf8')).join(''), { mode: 0o600 });
  for (const one of [path.dirname(imported), imported]) chownSync(one, uid, gid);
}

/** A later certificate of the CA, signed outside, beside the one there is, as certmonger stores it. */
async function signedOutside(): Promise<{ readonly der: Buffer; readonly file: string }> {
  await rig.act({ action: 'before', nickname: ca });
  const csr = path.join(rig.directory, 'ca.csr');
  writeFileSync(csr, rig.old.certificate(ca).csr);
  const file = outside.sign(csr, {
    days: (days += 10),
    extensions: [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,digitalSignature,nonRepudiation,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
    ],
  });
  const der = derOf(file);
  await rig.store(ca, der, rig.old.certificate(ca).keyId);
  return { der, file };
}

async function saved(order: Partial<Parameters<ServerRig['act']>[0]> = {}): Promise<SaveReport> {
  const answer = await rig.act({ action: 'after', nickname: ca, ...order });
  if ('code' in answer) throw new Error(`${answer.code}: ${answer.message}`);
  return answer.value as SaveReport;
}
const resumed = async () => ((await rig.act({ action: 'resume' })) as unknown as { value: Resumed[] }).value;
const finish = () => rig.act({ action: 'finish', nickname: ca });

/** NSS itself, by certutil: the CA's certificate as a CA, and a server's that it signed. */
async function validates(): Promise<void> {
  const web = (
    await createAuthority(rig.token, {
      certificates: [
        {
          nickname: 'web',
          profile: 'caServerCert',
          keyOf: subsystem,
          issuer: ca,
          subject: [{ CN: ['web.example.test'] }],
          dnsNames: ['web.example.test'],
          daysLeft: 90,
          ageDays: 0,
          store: false,
        },
      ],
    })
  ).certificate('web');
  await rig.copyToDatabase('web', web.der);
  try {
    expect(await certutil('-V', '-n', ca, '-u', 'L')).toContain('certificate is valid');
    expect(await certutil('-V', '-n', 'web', '-u', 'V', '-e')).toContain('certificate is valid');
  } finally {
    await certutil('-D', '-n', 'web');
  }
}

async function without(...nicknames: string[]): Promise<void> {
  for (const nickname of nicknames)
    if ((await trusts()).some((line) => line.startsWith(`${nickname} `))) await certutil('-D', '-n', nickname);
}

beforeEach(async () => {
  rmSync(imported, { force: true });
  await without(root, `${root} #2`, intermediate, 'The Root', 'Above us', 'Bad');
});

const stored = async () => {
  const text = await rig.ds.servers[0]!.search(
    '-o',
    'ldif-wrap=no',
    '-b',
    `cn=certificates,cn=ipa,cn=etc,${rig.ds.base}`,
    '(objectClass=ipaCertificate)',
    'cn',
    'objectClass',
    'ipaCertSubject',
    'ipaCertIssuerSerial',
    'ipaPublicKey',
    'ipaKeyTrust',
    'cACertificate;binary',
  );
  return text.split(/\n\n/u).flatMap((record) => {
    const values = (name: string) =>
      [...record.matchAll(new RegExp(`^${name}(::?) (.*)$`, 'gmu'))].map(([, colons, value = '']) =>
        colons === '::' ? Buffer.from(value, 'base64') : value,
      );
    const [cn] = values('cn');
    return cn === undefined ? [] : [{ cn, values }];
  });
};
async function forgotten(...subjects: string[]): Promise<void> {
  for (const subject of subjects)
    await rig.ds.servers[0]!.change(
      `dn: cn=${subject.replaceAll('=', '\\=').replaceAll(',', '\\,')},cn=certificates,cn=ipa,cn=etc,${rig.ds.base}\nchangetype: delete\n`,
    ).catch(() => undefined);
}

test("an externally signed CA: what stands above it is in the database with Dogtag's trust, NSS validates, the domain has it, and the CA's own old copies are gone", async () => {
  const old = rig.old.certificate(ca).der;
  await rig.copyToDatabase(otherName, old);
  const { der, file } = await signedOutside();
  keepImported(file, outside.intermediate, outside.root);
  const keys = await rig.objects('privkey');
  const report = await saved();
  expect(report).toMatchObject({ warnings: [], left: [], restart: unit });
  expect(report.steps).toEqual([
    'located',
    'proven',
    'trusted',
    'archived',
    'removed from token',
    'removed from database',
    'chain trusted',
    'configured',
    'authority updated',
    'published',
    'checked',
  ]);
  const now = await trusts();
  expect(now).toEqual(expect.arrayContaining([`${root} CT,C,C`, `${intermediate} CT,C,C`, `${foreign} CT,C,C`, `${ca} CT,C,C`]));
  // Archived first, then gone by its value, whatever it was called.
  expect(now.filter((line) => line.startsWith(otherName))).toEqual([]);
  const archive = path.join(rig.stateDirectory, 'superseded');
  expect(readdirSync(archive).some((name) => new X509Certificate(readFileSync(path.join(archive, name))).raw.equals(old))).toBe(true);
  await validates();

  const entries = await stored();
  for (const [cn, pem] of [
    [root, outside.root],
    [intermediate, outside.intermediate],
  ] as const) {
    const entry = entries.find((one) => one.cn === cn);
    const certificate = new X509Certificate(readFileSync(pem));
    expect(entry?.values('objectClass')).toEqual(expect.arrayContaining(['ipaCertificate', 'pkiCA', 'ipaKeyPolicy']));
    expect(entry?.values('ipaCertSubject')).toEqual([cn]);
    expect(entry?.values('ipaCertIssuerSerial')).toEqual([`${root};${BigInt(`0x${certificate.serialNumber}`).toString()}`]);
    expect(entry?.values('ipaPublicKey')).toEqual([certificate.publicKey.export({ type: 'spki', format: 'der' })]);
    expect(entry?.values('ipaKeyTrust')).toEqual([]);
    expect(entry?.values('cACertificate;binary')).toEqual([certificate.raw]);
  }
  expect(entries.find(({ cn }) => cn === otherName)?.values('cACertificate;binary')).toEqual(expect.arrayContaining([old, der]));
  expect(await rig.objects('privkey')).toEqual(keys);
  await finish();
});

test('what is there and trusted enough stays as it is, under the name it has; a lesser trust is raised', async () => {
  const { file } = await signedOutside();
  keepImported(file, outside.intermediate, outside.root);
  const add = (nickname: string, trust: string, pem: string) => certutil('-A', '-a', '-n', nickname, '-t', trust, '-i', pem);
  await add('The Root', 'CT,C,C', outside.root);
  await add('Above us', ',,', outside.intermediate);
  // The CA's own trust is the first call, the intermediate's the second: there is no third.
  const report = await saved({ die: { at: 'before certutil -A', count: 3 } });
  expect(report).toMatchObject({ warnings: [], left: [] });
  expect((await trusts()).filter((line) => /^(The Root|Above us|CN=)/u.test(line))).toEqual(['Above us CT,C,C', 'The Root CT,C,C']);
  await validates();
  await finish();
});

test('one that somebody has marked as distrusted is left so, and said', async () => {
  const { file } = await signedOutside();
  keepImported(file, outside.intermediate, outside.root);
  await certutil('-A', '-a', '-n', 'Bad', '-t', 'p,p,p', '-i', outside.root);
  const report = await saved();
  expect(report.left).toEqual([]);
  expect(report.warnings).toEqual([expect.stringMatching(/^The CA certificate 'Bad' \(serial .*\) is marked as distrusted/u)]);
  expect(await trusts()).toContain('Bad p,p,p');
  await finish();
});

test('a nickname that another subject has is not taken', async () => {
  const { file } = await signedOutside();
  keepImported(file, outside.intermediate, outside.root);
  await rig.copyToDatabase(root, derOf(path.join(rig.directory, 'outside', 'intermediate.pem')));
  const report = await saved();
  expect(report).toMatchObject({ warnings: [], left: [] });
  // The intermediate was there under the root's name, and keeps it.
  expect((await trusts()).filter((line) => line.includes('Outside'))).toEqual([`${root} #2 CT,C,C`, `${root} CT,C,C`]);
  await validates();
  await finish();
});

describe('where only the directory knows the chain, as ipa-cacert-manage leaves it', () => {
  test('it is taken from there; and while the directory is away, the certificate is in place all the same and the chain follows', async () => {
    expect((await stored()).map(({ cn }) => cn)).toEqual(expect.arrayContaining([root, intermediate]));
    await signedOutside();
    await rig.ds.kill(1);
    try {
      const away = await saved();
      expect(away).toMatchObject({ warnings: [], restart: unit });
      expect(away.left.map(({ step }) => step)).toEqual(['chain trusted', 'authority updated', 'published']);
      expect(away.left[0]?.reason).toMatch(/^[A-Z].*\.$/u);
      await finish();
    } finally {
      await rig.ds.start(1);
    }
    expect(await resumed()).toMatchObject([
      { ok: true, report: { nickname: ca, steps: ['chain trusted', 'authority updated', 'published'], left: [], restart: unit } },
    ]);
    expect(await trusts()).toEqual(expect.arrayContaining([`${root} CT,C,C`, `${intermediate} CT,C,C`]));
    await validates();
    await finish();
  });

  test('one it says not to trust is not taken', async () => {
    await rig.ds.servers[0]!.change(
      `dn: cn=CN\\=Root\\,O\\=Outside,cn=certificates,cn=ipa,cn=etc,${rig.ds.base}\nchangetype: modify\nadd: ipaKeyTrust\nipaKeyTrust: distrusted\n`,
    );
    await signedOutside();
    const report = await saved();
    expect(report.left).toEqual([
      {
        step: 'chain trusted',
        reason: expect.stringMatching(/no certificate of CN=Root,O=Outside is at hand.*hsmonger ca import/u) as string,
      },
    ]);
    expect((await trusts()).filter((line) => line.includes('Outside'))).toEqual([]);
    await forgotten(root, intermediate);
    await finish();
  });
});

test('a chain that is nowhere is said and looked for again; once an administrator has imported it, it is done', async () => {
  const { file } = await signedOutside();
  const report = await saved();
  expect(report.left.map(({ step }) => step)).toEqual(['chain trusted']);
  expect(report.left[0]?.reason).toContain('no certificate of CN=Intermediate,O=Outside is at hand');
  await finish();
  expect(await rig.act({ action: 'pending' })).toEqual({ value: { count: 1, stop: false } });
  keepImported(file, outside.intermediate, outside.root);
  expect(await resumed()).toMatchObject([{ ok: true, report: { steps: ['chain trusted'], left: [], restart: unit } }]);
  await validates();
  await finish();
});

test.each([
  { at: 'before certutil -A', count: 2 },
  { at: 'after certutil -A', count: 2 },
  { at: 'before certutil -A', count: 3 },
  { at: 'after certutil -A', count: 3 },
  { at: 'chain trusted', count: 1 },
  { at: 'published', count: 1 },
])('killed $at ($count), it is finished later, and once more changes nothing', async ({ at, count }) => {
  await forgotten(root, intermediate);
  const { file } = await signedOutside();
  keepImported(file, outside.intermediate, outside.root);
  await expect(rig.act({ action: 'after', nickname: ca, die: { at, count } })).rejects.toThrow(/SIGKILL/u);
  expect(await resumed()).toMatchObject([{ ok: true, report: { left: [], warnings: [] } }]);
  const now = await trusts();
  expect(now).toEqual(expect.arrayContaining([`${root} CT,C,C`, `${intermediate} CT,C,C`, `${foreign} CT,C,C`]));
  expect((await stored()).map(({ cn }) => cn)).toEqual(expect.arrayContaining([root, intermediate]));
  await finish();
  await saved();
  await finish();
  expect(await trusts()).toEqual(now);
  await validates();
});

test("a CA that signs itself has no such step, and what an earlier chain left is nobody's to remove", async () => {
  const { file } = await signedOutside();
  keepImported(file, outside.intermediate, outside.root);
  await saved();
  await finish();
  await rig.act({ action: 'before', nickname: ca });
  await rig.renew(ca, { daysLeft: 7000, issuer: ca });
  const report = await saved();
  expect(report).toMatchObject({ warnings: [], left: [] });
  expect(report.steps).not.toContain('chain trusted');
  expect(await trusts()).toEqual(expect.arrayContaining([`${root} CT,C,C`, `${intermediate} CT,C,C`]));
  await finish();
});
