import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { chmodSync } from 'node:fs';
import { run } from '../../src/platform/run.js';
import { getcert, getcertRecords } from '../rig/certmonger.js';
import { runAs } from '../rig/run-as.js';
import { buildSite, hsmonger, type Site } from './site.js';

const ocsp = 'ocspSigningCert cert-pki-ca';
const id = 'hsmonger.ocspSigningCert_cert-pki-ca';
let site: Site;

beforeAll(async () => {
  site = await buildSite({ each: { daysLeft: 100 }, only: { 'caSigningCert cert-pki-ca': { daysLeft: 3000 }, [ocsp]: { bits: 3072 } } });
  const said = await hsmonger('setup', ...site.setupFlags);
  expect(said.exitCode, said.err + said.out).toBe(0);
}, 120_000);

afterAll(async () => {
  await site.remove();
});

async function privateKeys(): Promise<string[]> {
  const { token } = site;
  const { stdout } = await runAs(
    token.owner,
    'pkcs11-tool',
    ['--module', token.module, '--token-label', token.label, '--login', '--pin', token.pin, '-O', '--type', 'privkey'],
    { env: { ...token.environment } },
  );
  return [...stdout.matchAll(/ID: +([0-9a-f]+)/gu)].map((match) => match[1]!).sort();
}

test('nothing named is wrong usage, and so is a certificate the instance does not have', async () => {
  expect((await hsmonger('renew', ...site.here)).err).toContain(`Name the certificates to renew, or say --all: `);
  expect(await hsmonger('renew', 'stranger', ...site.here)).toMatchObject({ exitCode: 2 });
});

test('a request that would re-key, because certmonger was never told the key size, is renewed with the same key', async () => {
  // getcert start-tracking cannot say a size: certmonger takes 2048 for what it would generate, and shows 3072.
  await getcert(site.bus, ['stop-tracking', '-i', id]);
  await getcert(site.bus, [
    'start-tracking',
    '-d',
    `sql:${site.nss.database}`,
    '-n',
    ocsp,
    '-t',
    site.token.label,
    '-p',
    site.token.pinFile,
    '-c',
    'hsmonger',
    '-I',
    id,
    '-T',
    'caOCSPCert',
  ]);
  const status = async () => (await getcertRecords(site.bus)).get(id)?.get('status');
  await vi.waitUntil(async () => (await status()) === 'MONITORING', { timeout: 60_000, interval: 300 });
  const generated = async () => (await run('grep', ['-rhE', '^key_(gen_)?size=(3072|2048)$', site.certmonger.requestsDirectory])).stdout;
  expect(await generated()).toContain('key_gen_size=2048\n');
  const before = await privateKeys();
  const said = await hsmonger('renew', ocsp, '--wait', '120', ...site.here);
  expect(said.exitCode, said.out + said.err).toBe(0);
  expect(said.out).toContain(`${ocsp}: renewed (request ${id}, MONITORING)`);
  expect(said.out).toContain(', same key');
  expect(await privateKeys()).toEqual(before);
  expect(await generated()).toContain('key_gen_size=3072\n');
}, 180_000);

test('what the helper waits for is told by renew and by status, though certmonger forgets it; mended, it ends by itself', async () => {
  // The service user loses sight of the token; certmonger's own children, with another configuration, do not.
  chmodSync(site.token.confFile, 0o600);
  try {
    const said = await hsmonger('renew', ocsp, '--wait', '18', '--json', ...site.here);
    expect(said.exitCode).toBe(1);
    const [report] = JSON.parse(said.out) as { result: string; state: string; reason: string }[];
    expect(report).toMatchObject({ result: 'under way', state: 'CA_WORKING' });
    expect(report!.reason).not.toBe('');
    const status = await hsmonger('status', '--json', ...site.here);
    expect(status.exitCode).toBe(3);
    const { rows } = JSON.parse(status.out) as { rows: { nickname: string; problem?: string }[] };
    expect(rows.find(({ nickname }) => nickname === ocsp)?.problem).toBe(report!.reason);
  } finally {
    chmodSync(site.token.confFile, 0o644);
  }
  const settled = await hsmonger('renew', ocsp, '--wait', '120', ...site.here);
  expect(settled.exitCode, settled.out + settled.err).toBe(0);
}, 240_000);
