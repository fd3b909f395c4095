import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JournalEntry } from '../../src/ledger/journal.js';
import type { Resumed } from '../../src/renewal/save.js';
import { ca, savingRig, type SavingRig } from './saving-rig.js';

// Each test starts a dozen processes; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 240_000 });

let rig: SavingRig;
let keys: string[];
let old: Buffer;
let daysLeft = 600;

beforeAll(async () => {
  rig = await savingRig({ password: 'internal secret 1' });
  keys = await rig.objects('privkey');
  old = rig.old.certificate(ca).der;
  await rig.copyToDatabase(ca, old);
});
afterAll(() => {
  rig.remove();
});

function archived(): Buffer[] {
  const directory = path.join(rig.stateDirectory, 'superseded');
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.pem'))
    .map((name) => new X509Certificate(readFileSync(path.join(directory, name))).raw);
}

const names = (listed: string[]) => listed.filter((line) => line.includes(ca));

async function unfinished(): Promise<JournalEntry[]> {
  return ((await rig.act({ action: 'unfinished' })) as unknown as { value: JournalEntry[] }).value;
}

test.each([
  { at: 'located', step: 'located' },
  { at: 'proven', step: 'proven' },
  { at: 'before certutil -A', step: 'proven' },
  { at: 'after certutil -A', step: 'proven' },
  { at: 'trusted', step: 'trusted' },
  { at: 'archived', step: 'archived' },
  { at: 'before destroy', step: 'archived' },
  { at: 'after destroy', step: 'archived' },
  { at: 'removed from token', step: 'removed from token' },
  { at: 'removed from database', step: 'removed from database' },
  { at: 'checked', step: 'checked' },
])('killed $at, it is finished later and nothing is lost', async ({ at, step }) => {
  expect(await rig.act({ action: 'before', nickname: ca })).toEqual({ value: [] });
  const renewed = await rig.renew(ca, { daysLeft: (daysLeft += 10) });
  await rig.copyToDatabase(ca, renewed);

  await expect(rig.act({ action: 'after', nickname: ca, die: { at } })).rejects.toThrow(/SIGKILL/u);

  expect(await unfinished()).toMatchObject([{ nickname: ca, step }]);
  expect(await rig.objects('privkey')).toEqual(keys);
  const onToken = names((await rig.listed()).token);
  expect(onToken.length === 2 || (onToken.length === 1 && archived().some((der) => der.equals(old)))).toBe(true);

  const { value } = (await rig.act({ action: 'resume' })) as { value: Resumed[] };

  expect(value).toMatchObject([
    {
      ok: true,
      report: {
        nickname: ca,
        warnings: [],
        steps: expect.arrayContaining(['done']) as string[],
        removed: [{ serial: new X509Certificate(old).serialNumber.toLowerCase() }],
      },
    },
  ]);
  expect(await unfinished()).toEqual([]);
  const { token, internal } = await rig.listed();
  expect(names(token)).toEqual([`${rig.token.label}:${ca} CTu,Cu,Cu`]);
  expect(names(internal)).toEqual([`${ca} CT,C,C`]);
  const stored = await rig.nssutils('certutil', '-L', '-d', `sql:${rig.nss.database}`, '-n', ca, '-a');
  expect(new X509Certificate(stored).raw.equals(renewed)).toBe(true);
  expect(archived().some((der) => der.equals(old))).toBe(true);
  expect(await rig.objects('privkey')).toEqual(keys);
  old = renewed;
});

test('killed before certmonger has stored anything, it waits; once the certificate is there, the next hook finishes it', async () => {
  await rig.act({ action: 'before', nickname: ca });
  expect(await rig.act({ action: 'resume' })).toEqual({ value: [] });
  expect(await unfinished()).toMatchObject([{ nickname: ca, step: 'announced' }]);
  await rig.renew(ca, { daysLeft: (daysLeft += 10) });
  expect(await rig.act({ action: 'before', nickname: 'ocspSigningCert cert-pki-ca' })).toEqual({ value: [] });
  expect(names((await rig.listed()).token)).toHaveLength(1);
  expect(await unfinished()).toMatchObject([{ nickname: 'ocspSigningCert cert-pki-ca', step: 'announced' }]);
});

test('two that save at the same time take turns', async () => {
  await rig.act({ action: 'before', nickname: ca });
  await rig.renew(ca, { daysLeft: (daysLeft += 10) });
  const both = await Promise.all([rig.act({ action: 'after', nickname: ca }), rig.act({ action: 'after', nickname: ca })]);
  expect(both.every((answer) => 'value' in answer)).toBe(true);
  expect(names((await rig.listed()).token)).toHaveLength(1);
  expect(await unfinished()).not.toContainEqual(expect.objectContaining({ nickname: ca }));
});
