import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JournalEntry } from '../../src/ledger/journal.js';
import type { Resumed, SaveReport } from '../../src/renewal/save.js';
import { makeKeys } from '../x509/material.js';
import { ca, subsystem } from './saving-rig.js';
import { agent, server, serverRig, unit, type ServerRig } from './server-rig.js';

// Each test starts a dozen processes; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let rig: ServerRig;
let days = 600;
beforeAll(async () => {
  rig = await serverRig({ password: 'internal secret 1' });
});
afterAll(async () => {
  await rig.stop();
});

const serialOf = (der: Buffer) => BigInt(`0x${new X509Certificate(der).serialNumber}`).toString();
const attribute = async (base: string, filter: string, name: string) => {
  const text = await rig.ds.servers[0]!.search('-o', 'ldif-wrap=no', '-b', base, filter, name);
  return [...text.matchAll(new RegExp(`^${name}(::?) (.*)$`, 'gmu'))].map(([, colons, value = '']) =>
    colons === '::' ? Buffer.from(value, 'base64') : Buffer.from(value),
  );
};
const descriptions = async (uid: string) => (await attribute('ou=people,o=ipaca', `(uid=${uid})`, 'description')).map(String);
const serialIn = (name: 'ca' | 'kra', directive: string) => {
  const value = new RegExp(`^${directive.replaceAll('.', '\\.')}=(.*)$`, 'mu').exec(rig.config(name))?.[1] ?? '';
  return value === 'OLD==' ? value : serialOf(Buffer.from(value, 'base64'));
};

async function report(nickname: string, change?: Parameters<ServerRig['act']>[1]): Promise<SaveReport> {
  const answer = await rig.act({ action: 'after', nickname }, change);
  if ('code' in answer) throw new Error(`${answer.code}: ${answer.message}`);
  return answer.value as SaveReport;
}
async function resumed(change?: Parameters<ServerRig['act']>[1]): Promise<Resumed[]> {
  return ((await rig.act({ action: 'resume' }, change)) as unknown as { value: Resumed[] }).value;
}
async function entry(nickname: string): Promise<JournalEntry | undefined> {
  const { value } = (await rig.act({ action: 'unfinished' })) as unknown as { value: JournalEntry[] };
  return value.find((one) => one.nickname === nickname);
}
async function renew(nickname: string): Promise<Buffer> {
  await rig.act({ action: 'before', nickname });
  return rig.renew(nickname, { daysLeft: (days += 10) });
}

test("the subsystem's certificate: CS.cfg of both subsystems and its user know it, everything else stays", async () => {
  const before = { ca: rig.config('ca'), kra: rig.config('kra') };
  const renewed = await renew(subsystem);
  const saved = await report(subsystem);
  expect(saved).toMatchObject({ warnings: [], left: [], retained: 0, restart: unit });
  expect(saved.steps).toEqual([
    'located',
    'proven',
    'trusted',
    'archived',
    'removed from token',
    'removed from database',
    'configured',
    'users updated',
    'checked',
  ]);

  const value = renewed.toString('base64');
  expect(rig.config('ca')).toBe(before.ca.replace('ca.subsystem.cert=OLD==', `ca.subsystem.cert=${value}`));
  expect(rig.config('kra')).toBe(before.kra.replace('kra.subsystem.cert=OLD==', `kra.subsystem.cert=${value}`));
  const backup = path.join(rig.instance.pki!.directory, 'ca/CS.cfg.hsmongerbkp');
  expect(readFileSync(backup, 'latin1')).toBe(before.ca);
  expect(statSync(backup).uid).toBe(rig.token.owner!.uid);
  expect(await descriptions('pkidbuser')).toEqual([expect.stringMatching(new RegExp(`^2;${serialOf(renewed)};`, 'u'))]);
  const certificates = await attribute('ou=people,o=ipaca', '(uid=pkidbuser)', 'userCertificate');
  expect(certificates.some((der) => der.equals(renewed))).toBe(true);
  expect(await entry(subsystem)).toMatchObject({ step: 'checked', detail: { left: [] } });
  await rig.act({ action: 'finish', nickname: subsystem });
  expect(await entry(subsystem)).toBeUndefined();
});

test("the CA's own: its authority has the new serial number, and the domain the new certificate", async () => {
  const renewed = await renew(ca);
  const saved = await report(ca);
  expect(saved.warnings).toEqual([]);
  expect(saved.steps).toEqual(expect.arrayContaining(['configured', 'authority updated', 'published', 'checked']));
  expect((await attribute('ou=authorities,ou=ca,o=ipaca', '(objectClass=authority)', 'authoritySerial')).map(String)).toEqual([
    serialOf(renewed),
  ]);
  const domain = await attribute(`cn=ipa,cn=etc,${rig.ds.base}`, '(cn=CAcert)', 'cACertificate;binary');
  expect(domain.map((der) => der.equals(renewed))).toEqual([true]);
  expect(
    (await attribute(`cn=certificates,cn=ipa,cn=etc,${rig.ds.base}`, '(objectClass=ipaCertificate)', 'cACertificate;binary')).some((der) =>
      der.equals(renewed),
    ),
  ).toBe(true);
  await rig.act({ action: 'finish', nickname: ca });
});

test("a certificate of the NSS database's own is proven there, trusted, and alone there afterwards; the token is not touched", async () => {
  const objects = await rig.objects('cert');
  expect(await rig.act({ action: 'before', nickname: server })).toEqual({ value: [] });
  const old = (await entry(server))!.detail.before;
  const renewed = await rig.renewServer();
  expect(await rig.act({ action: 'prepare', nickname: server })).toEqual({});
  const saved = await report(server);
  expect(saved.warnings).toEqual([]);
  expect(saved.steps).toEqual(['located', 'proven', 'trusted', 'archived', 'removed from database', 'configured', 'checked']);
  expect(saved.removed).toHaveLength(1);
  expect(new X509Certificate(readFileSync(saved.removed[0]!.file)).raw.toString('base64')).toBe(old[0]);
  expect((await rig.listed()).internal.filter((line) => line.startsWith(server))).toEqual([`${server} u,u,u`]);
  expect(await rig.nssutils('certutil', '-L', '-d', `sql:${rig.nss.database}`, '-n', server, '-a')).toContain(
    renewed.toString('base64').slice(0, 64),
  );
  expect(await rig.nssutils('certutil', '-K', '-d', `sql:${rig.nss.database}`, '-f', rig.nss.loginFile)).toContain(server);
  expect(serialIn('ca', 'ca.sslserver.cert')).toBe(serialOf(renewed));
  expect(serialIn('kra', 'kra.sslserver.cert')).toBe(serialOf(renewed));
  expect(await rig.objects('cert')).toEqual(objects);
  await rig.act({ action: 'finish', nickname: server });
});

test("the RA agent's, in files only root may read: the key is compared, its user knows the certificate, no server waits for it", async () => {
  expect(await rig.act({ action: 'before', nickname: agent })).toEqual({ value: [] });
  const old = (await entry(agent))!.detail.before;
  const renewed = await rig.renewAgent();
  const { ino } = statSync(rig.agentFiles.certificate);
  const saved = await report(agent);
  expect(saved).toMatchObject({ warnings: [], left: [], steps: ['located', 'proven', 'archived', 'users updated', 'checked', 'done'] });
  expect(saved.restart).toBeUndefined();
  expect(new X509Certificate(readFileSync(saved.removed[0]!.file)).raw.toString('base64')).toBe(old[0]);
  expect(statSync(rig.agentFiles.certificate)).toMatchObject({ ino, mode: 0o100440 });
  expect(await descriptions('ipara')).toEqual([expect.stringMatching(new RegExp(`^2;${serialOf(renewed)};`, 'u'))]);
  expect(await entry(agent)).toBeUndefined();
});

test("an agent's certificate for another key is told, and no user is given it", async () => {
  const before = await descriptions('ipara');
  const good = readFileSync(rig.agentFiles.certificate);
  await rig.act({ action: 'before', nickname: agent });
  await rig.renewAgent(await makeKeys());
  expect(await rig.act({ action: 'after', nickname: agent })).toMatchObject({ code: 'KEY_MISMATCH' });
  expect(await descriptions('ipara')).toEqual(before);
  writeFileSync(rig.agentFiles.certificate, good);
  await rig.renewAgent();
  expect(await resumed()).toMatchObject([{ ok: true, report: { nickname: agent, left: [] } }]);
});

test('with the directory away the certificate is in place all the same; once it is back, what was left is done, and the server told to start anew', async () => {
  const before = await descriptions('pkidbuser');
  await rig.ds.kill(1);
  try {
    const renewed = await renew(subsystem);
    const saved = await report(subsystem);
    expect(saved).toMatchObject({
      restart: unit,
      left: [{ step: 'users updated', reason: expect.stringMatching(/^[A-Z].*\.$/u) as string }],
    });
    expect(saved.retryAfterSeconds).toBe(60);
    expect(serialIn('ca', 'ca.subsystem.cert')).toBe(serialOf(renewed));
    await rig.act({ action: 'finish', nickname: subsystem });
    expect(await entry(subsystem)).toMatchObject({ step: 'in service', detail: { left: [{ step: 'users updated' }] } });
    expect(await rig.act({ action: 'pending' })).toEqual({ value: { count: 1, stop: false } });
    expect(await resumed()).toMatchObject([
      { ok: true, report: { nickname: subsystem, steps: ['in service'], left: [{ step: 'users updated' }] } },
    ]);
    await rig.ds.start(1);
    expect(await descriptions('pkidbuser')).toEqual(before);

    expect(await resumed()).toMatchObject([
      { ok: true, report: { nickname: subsystem, steps: ['users updated'], left: [], restart: unit } },
    ]);
    expect(await descriptions('pkidbuser')).toEqual([expect.stringMatching(new RegExp(`^2;${serialOf(renewed)};`, 'u'))]);
    await rig.act({ action: 'finish', nickname: subsystem });
    expect(await entry(subsystem)).toBeUndefined();
    expect(await rig.act({ action: 'pending' })).toEqual({ value: { count: 0, stop: false } });
  } finally {
    await rig.ds.start(1);
  }
});

test('a directory that hangs holds nothing back for longer than its limit', async () => {
  await renew(subsystem);
  await rig.ds.pause(1);
  try {
    const started = Date.now();
    expect(await report(subsystem)).toMatchObject({ left: [{ step: 'users updated' }] });
    expect(Date.now() - started).toBeLessThan(60_000);
  } finally {
    rig.ds.resume(1);
  }
  await rig.act({ action: 'finish', nickname: subsystem });
  expect(await resumed()).toMatchObject([{ ok: true, report: { left: [] } }]);
  await rig.act({ action: 'finish', nickname: subsystem });
});

test('while a renewal begins, what the one before left is not forgotten', async () => {
  await renew(subsystem);
  await report(subsystem, { directory: { ...rig.instance.directory!, uri: 'ldapi://%2Fnonexistent' } });
  await rig.act({ action: 'finish', nickname: subsystem });
  await rig.act({ action: 'before', nickname: subsystem });
  expect(await entry(subsystem)).toMatchObject({ step: 'announced', detail: { left: [{ step: 'users updated' }] } });
  expect(await resumed()).toMatchObject([{ ok: true, report: { steps: ['users updated'], left: [] } }]);
  expect(await entry(subsystem)).toMatchObject({ step: 'announced', detail: { left: [] } });
  await rig.renew(subsystem, { daysLeft: (days += 10) });
  await report(subsystem);
  await rig.act({ action: 'finish', nickname: subsystem });
});

test('a server that could not be stopped keeps its CS.cfg for now', async () => {
  const renewed = await renew(subsystem);
  const context = rig.config('ca');
  const answer = await rig.act({ action: 'after', nickname: subsystem, serverRuns: 'It could not be stopped: no systemd.' });
  expect(answer).toMatchObject({ value: { left: [{ step: 'configured', reason: expect.stringContaining('no systemd') as string }] } });
  expect(rig.config('ca')).toBe(context);
  await rig.act({ action: 'finish', nickname: subsystem });
  expect(await rig.act({ action: 'pending' })).toEqual({ value: { count: 1, stop: true } });
  expect(await resumed()).toMatchObject([{ ok: true, report: { steps: ['configured'], left: [], restart: unit } }]);
  expect(serialIn('ca', 'ca.subsystem.cert')).toBe(serialOf(renewed));
  await rig.act({ action: 'finish', nickname: subsystem });
});

test.each([
  { at: 'configured', left: ['users updated'] },
  { at: 'before modify', left: ['users updated'] },
  { at: 'after modify', left: ['users updated'] },
  { at: 'users updated', left: [] },
])('killed $at, it is finished later', async ({ at, left }) => {
  const renewed = await renew(subsystem);
  await expect(rig.act({ action: 'after', nickname: subsystem, die: { at } })).rejects.toThrow(/SIGKILL/u);
  expect((await entry(subsystem))?.detail.left.map(({ step }) => step)).toEqual(left);
  expect(await rig.act({ action: 'pending' })).toEqual({ value: { count: 1, stop: true } });
  expect(await resumed()).toMatchObject([{ ok: true, report: { left: [], restart: unit, warnings: [] } }]);
  expect(await descriptions('pkidbuser')).toEqual([expect.stringMatching(new RegExp(`^2;${serialOf(renewed)};`, 'u'))]);
  expect(serialIn('kra', 'kra.subsystem.cert')).toBe(serialOf(renewed));
  await rig.act({ action: 'finish', nickname: subsystem });
  expect(await entry(subsystem)).toBeUndefined();
});

test.each([
  { at: 'authority updated', left: ['published'] },
  { at: 'published', left: [] },
])("the CA's, killed at '$at', is finished later", async ({ at, left }) => {
  const renewed = await renew(ca);
  await expect(rig.act({ action: 'after', nickname: ca, die: { at } })).rejects.toThrow(/SIGKILL/u);
  expect((await entry(ca))?.detail.left.map(({ step }) => step)).toEqual(left);
  await resumed();
  const domain = await attribute(`cn=ipa,cn=etc,${rig.ds.base}`, '(cn=CAcert)', 'cACertificate;binary');
  expect(domain.map((der) => der.equals(renewed))).toEqual([true]);
  await rig.act({ action: 'finish', nickname: ca });
});
