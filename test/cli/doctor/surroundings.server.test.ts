import { chmodSync, openSync, closeSync, statSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import Sqlite from 'better-sqlite3';
import { requestIds } from '../../../src/config/request-id.js';
import { getcert } from '../../rig/certmonger.js';
import { startSite, type Site } from '../../rig/site.js';

/** A whole host that is well, then with many things wrong at once, then mended by --fix; each look is the built command's. */
let site: Site;

beforeAll(async () => {
  site = await startSite();
  await site.setUp();
  await site.untilQuiet(150_000);
}, 300_000);
afterAll(() => site.stop());

interface Told {
  readonly check: string;
  readonly result: string;
  readonly key: string;
}

/** What is no success, sorted; and the exit code. */
async function look(
  ...args: string[]
): Promise<{ readonly exitCode: number | undefined; readonly told: string[]; readonly successes: number }> {
  const { exitCode, stdout, stderr } = await site.cli('doctor', '--output', 'json', ...args);
  let results: readonly (Omit<Told, 'key'> & { readonly kw: { readonly key: string } })[];
  try {
    results = JSON.parse(stdout) as typeof results;
  } catch {
    throw new Error(`doctor ended with ${String(exitCode)}:\n${stdout}\n${stderr}`);
  }
  const bad = results.filter(({ result }) => result !== 'SUCCESS');
  return {
    exitCode,
    told: bad.map(({ check, result, kw }) => `${result} ${check} ${kw.key}`).sort(),
    successes: results.length - bad.length,
  };
}

function inLedger(sql: string, ...values: string[]): void {
  const ledger = new Sqlite(site.ledger);
  try {
    ledger.prepare(sql).run(...values);
  } finally {
    ledger.close();
  }
}

test('a host that is well is told to be, and certmonger says its version', async () => {
  const { exitCode, told, successes } = await look();
  expect(told).toEqual([]);
  expect(exitCode).toBe(0);
  expect(successes).toBeGreaterThan(50);
}, 120_000);

test('each thing that is wrong is told once, and --fix mends what is safe', async () => {
  const nicknames = site.authority.certificates.map(({ nickname }) => nickname);
  const ids = requestIds({ name: 'hsmonger', file: '', certificates: site.authority.certificates });
  const [ca = '', ocsp = '', third = ''] = nicknames;
  const key4 = path.join(site.nss.database, 'key4.db');
  const ledgerMode = statSync(site.ledger).mode & 0o777;
  chmodSync(site.ledger, 0o644);
  chmodSync(key4, 0o644);
  writeFileSync(`${site.token.pinFile}.refused`, '0000\n', { mode: 0o600 });
  await getcert(site.bus, ['stop-tracking', '-i', ids.get(ocsp) ?? '']);
  await getcert(site.bus, ['start-tracking', '-i', ids.get(third) ?? '', '-C', '/bin/true']);
  inLedger(
    "INSERT INTO outcomes (subject_key, profile, at, code, message, uid) VALUES ('00', 'caServerCert', ?, 'ISSUED', '', 0)",
    new Date(Date.now() + 86_400_000).toISOString(),
  );
  inLedger(
    "INSERT INTO journal (nickname, step, certificate, detail, started_at, updated_at) VALUES (?, 'announced', NULL, '{\"before\":[]}', ?, ?) ON CONFLICT (nickname) DO UPDATE SET step = 'announced', detail = excluded.detail, updated_at = excluded.updated_at",
    ca,
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:00:00.000Z',
  );
  const refused = `WARNING RefusedPins ${site.token.pinFile}.refused`;
  const { exitCode, told } = await look();
  expect(told).toEqual(
    [
      'ERROR Clock ledger',
      `ERROR DatabaseModes ${key4}`,
      refused,
      `ERROR RequestsPresent ${ocsp}`,
      `ERROR RequestsRight ${third}`,
      `ERROR SavingsFinished ${ca}`,
      `ERROR StateFiles ${site.ledger}`,
    ].sort(),
  );
  expect(exitCode).toBe(3);

  const fixed = await site.cli('doctor', '--fix', '--yes');
  const after = await look();
  expect(after.told, fixed.stdout + fixed.stderr).toEqual(['ERROR Clock ledger', refused]);
  expect(statSync(site.ledger).mode & 0o777).toBe(ledgerMode);
  expect((await site.getcertRecords()).has(ids.get(ocsp) ?? '')).toBe(true);
}, 240_000);

test('a ledger with a hole in it is critical, and nothing else is missed for it', async () => {
  const descriptor = openSync(site.ledger, 'r+');
  // The second page holds the first table: its header is overwritten.
  writeSync(descriptor, Buffer.alloc(64, 0xff), 0, 64, 4096);
  closeSync(descriptor);
  const { told } = await look();
  expect(told.some((line) => /^(?:CRITICAL|ERROR) LedgerSound /u.test(line))).toBe(true);
  expect(told.some((line) => line.includes('exception'))).toBe(false);
}, 120_000);

test('a certmonger that does not run is told once, and is not started for it', async () => {
  await site.certmonger.stop();
  const { told } = await look();
  expect(told).toContain('CRITICAL CertmongerRunning certmonger');
  expect(told.filter((line) => /Request|Tracking|Helper|Foreign/u.test(line))).toEqual([]);
  expect((await getcert(site.bus, ['list']).catch(() => ({ exitCode: 1 }))).exitCode).not.toBe(0);
}, 120_000);
