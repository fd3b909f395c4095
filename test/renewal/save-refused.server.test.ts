import { chmodSync, chownSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Instance } from '../../src/config/instance.js';
import type { JournalEntry } from '../../src/ledger/journal.js';
import type { SaveReport } from '../../src/renewal/save.js';
import { audit, ca, savingRig, subsystem, type SavingRig } from './saving-rig.js';

// Each test starts a dozen processes; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 240_000 });

const password = 'internal secret 1';
let rig: SavingRig;
beforeEach(async () => {
  rig = await savingRig({ password });
});
afterEach(() => {
  rig.remove();
});

async function step(nickname: string): Promise<string | undefined> {
  const { value } = (await rig.act({ action: 'unfinished' })) as unknown as { value: JournalEntry[] };
  return value.find((entry) => entry.nickname === nickname)?.step;
}

const onToken = async (nickname: string) => (await rig.listed()).token.filter((line) => line.includes(nickname)).length;

/** The saving fails with this, the old certificate stays, and the journal says how far it came. */
async function refused(nickname: string, code: string, reached: string, change?: Partial<Instance>): Promise<string> {
  const before = await onToken(nickname);
  const answer = await rig.act({ action: 'after', nickname }, change);
  expect(answer).toMatchObject({ code, message: expect.stringMatching(/^[A-Z][^\n]*\.$/u) as string });
  expect(await step(nickname)).toBe(reached);
  expect(await onToken(nickname)).toBe(before);
  return (answer as { message: string }).message;
}

test.each([
  ['for another key', subsystem, { keyOf: audit }, 'KEY_MISMATCH', 'announced'],
  ['that made a leaf of the CA', ca, { profile: 'caOCSPCert', issuer: ca }, 'RENEWAL_FAILED', 'located'],
])('a new certificate %s replaces nothing', async (_, nickname, change, code, reached) => {
  await rig.act({ action: 'before', nickname });
  await rig.renew(nickname, change);
  await refused(nickname, code, reached);
  expect(await onToken(nickname)).toBe(2);
});

test('a new certificate under a CKA_ID its key does not have replaces nothing: NSS would not find its key', async () => {
  await rig.store(subsystem, await rig.renew(subsystem, { store: false }), '01');
  expect(await refused(subsystem, 'KEY_MISMATCH', 'located')).toContain('CKA_ID 01');
});

test('the wrong one is not taken as the measure when it is saved again', async () => {
  await rig.act({ action: 'before', nickname: subsystem });
  await rig.renew(subsystem, { keyOf: audit });
  await refused(subsystem, 'KEY_MISMATCH', 'announced');
  const { value } = (await rig.act({ action: 'before', nickname: subsystem })) as { value: string[] };
  expect(value).toEqual([expect.stringContaining('another key')]);
  await refused(subsystem, 'KEY_MISMATCH', 'announced');
});

test('no certificate under the nickname is one clear sentence', async () => {
  const unknown = { certificates: [{ nickname: 'nobody', profile: 'caServerCert', storage: { kind: 'token' } as const }] };
  expect(await rig.act({ action: 'after', nickname: 'nobody' }, unknown)).toMatchObject({ code: 'CERTIFICATE_NOT_FOUND' });
  expect(await rig.act({ action: 'before', nickname: 'nobody' })).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('nobody') as string,
  });
});

test('a wrong password of the internal database is tried once, until its file changes', async () => {
  const { passwordFile } = rig.nss;
  await rig.act({ action: 'before', nickname: audit });
  await rig.renew(audit);
  writeFileSync(passwordFile!, 'wrong\n');
  await refused(audit, 'PIN_INCORRECT', 'proven');
  await refused(audit, 'PIN_KNOWN_BAD', 'proven');
  writeFileSync(passwordFile!, `${password}\nanother line\n`);
  expect(await rig.act({ action: 'resume' })).toMatchObject({ value: [{ ok: true, report: { warnings: [] } }] });
  expect(await onToken(audit)).toBe(1);
});

test('a password nobody configured is asked for, never guessed', async () => {
  await rig.renew(audit);
  const message = await refused(audit, 'NSS_PASSWORD', 'proven', { nss: { database: rig.nss.database } });
  expect(message).toContain('nss.password-file');
});

test('a wrong PIN of the token stops everything before anything is written', async () => {
  await rig.renew(audit);
  writeFileSync(rig.token.pinFile, 'wrong-pin\n');
  await refused(audit, 'PIN_INCORRECT', 'located');
  writeFileSync(rig.token.pinFile, `${rig.token.pin}\n`);
  expect(await rig.act({ action: 'resume' })).toMatchObject({ value: [{ ok: true }] });
});

test('an NSS database the service user cannot write is named before and after', async () => {
  await rig.renew(audit);
  chownSync(path.join(rig.nss.database, 'cert9.db'), 0, 0);
  chmodSync(path.join(rig.nss.database, 'cert9.db'), 0o644);
  const sentence = { code: 'NSS_FAILED', message: expect.stringContaining('chown') as string };
  expect(await rig.act({ action: 'before', nickname: audit })).toMatchObject(sentence);
  expect(await rig.act({ action: 'after', nickname: audit })).toMatchObject(sentence);
  expect(await onToken(audit)).toBe(2);
});

test('what cannot be kept is not removed', async () => {
  await rig.act({ action: 'before', nickname: audit });
  await rig.renew(audit);
  const inTheWay = path.join(rig.stateDirectory, 'superseded');
  writeFileSync(inTheWay, 'no directory');
  await refused(audit, 'STATE_UNAVAILABLE', 'trusted');
  rmSync(inTheWay);
  expect(await rig.act({ action: 'resume' })).toMatchObject({ value: [{ ok: true }] });
  expect(await onToken(audit)).toBe(1);
});

test('an old certificate that certmonger deleted itself is still kept as PEM', async () => {
  await rig.act({ action: 'before', nickname: audit });
  const { keyId, der } = rig.old.certificate(audit);
  const renewed = await rig.renew(audit, { store: false });
  await rig.nssutils(
    'pkcs11-tool',
    '--module',
    rig.token.module,
    '--token-label',
    rig.token.label,
    '--login',
    '--pin',
    rig.token.pin,
    '--delete-object',
    '--type',
    'cert',
    '--id',
    keyId,
  );
  expect(await onToken(audit)).toBe(0);
  await rig.store(audit, renewed, keyId);
  const { value } = (await rig.act({ action: 'after', nickname: audit })) as { value: SaveReport };
  expect(value.removed).toHaveLength(1);
  const kept = await rig.nssutils('openssl', 'x509', '-in', value.removed[0]!.file, '-outform', 'pem');
  expect(Buffer.from(kept.replace(/-----.*-----|\n/gu, ''), 'base64').equals(der)).toBe(true);
});

test('a stranger under the same nickname is left alone and mentioned', async () => {
  await rig.renew(audit, { keyOf: subsystem, subject: [{ CN: ['A stranger'] }], daysLeft: 5 });
  await rig.renew(audit);
  const { value } = (await rig.act({ action: 'after', nickname: audit })) as { value: SaveReport };
  expect(value.warnings).toEqual([expect.stringContaining('left alone')]);
  expect(value.removed).toHaveLength(1);
  expect(await onToken(audit)).toBe(2);
});

test('the saving is done only when root has restarted the unit', async () => {
  await rig.act({ action: 'before', nickname: audit });
  await rig.renew(audit);
  const saving = { saving: { restart: 'pki-tomcatd@pki-tomcat.service', guardMinutes: 15 } };
  const { value } = (await rig.act({ action: 'after', nickname: audit }, saving)) as { value: SaveReport };
  expect(value).toMatchObject({ restart: 'pki-tomcatd@pki-tomcat.service' });
  expect(value.steps.at(-1)).toBe('checked');
  expect(await step(audit)).toBe('checked');
  expect(await rig.act({ action: 'resume' }, saving)).toMatchObject({
    value: [{ ok: true, report: { restart: 'pki-tomcatd@pki-tomcat.service' } }],
  });
  await rig.act({ action: 'finish', nickname: audit });
  expect(await step(audit)).toBeUndefined();
});

test('saving the identical certificate once more changes nothing and is no failure', async () => {
  const before = await rig.listed();
  const { value } = (await rig.act({ action: 'after', nickname: audit })) as { value: SaveReport };
  expect(value).toMatchObject({ removed: [], warnings: [] });
  expect((await rig.listed()).token).toEqual(before.token);
});
