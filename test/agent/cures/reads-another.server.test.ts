/** An outside CA's certificate that begins before the one it replaces: NSS reads, of two under a nickname, the one that begins last. */
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createOutsideAuthority } from '../../rig/outside-authority.js';
import { startBreakSite, type BreakSite } from '../breaks/rig.js';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const ca = 'caSigningCert cert-pki-ca';

let at: BreakSite;

beforeAll(async () => {
  at = await startBreakSite({ certificates: [{ nickname: ca, profile: 'caCACert' }], each: { daysLeft: 3000 } });
});
afterAll(async () => {
  await at.stop();
});

test('is read all the same, by itself, soon after the old one was removed', async () => {
  const { site } = at;
  const hsmonger = (...args: string[]) =>
    execa(
      path.join(at.executables, 'hsmonger'),
      ['--bus', site.bus.address, '--config-dir', site.configDir, '--state-dir', site.stateDir, ...args],
      { stdin: 'ignore', timeout: 120_000 },
    );
  const directory = path.join(path.dirname(at.executables), 'outside');
  mkdirSync(directory);
  const outside = createOutsideAuthority(directory);
  const csr = path.join(directory, 'ca.csr');
  await hsmonger('ca', 'csr', '--out', csr);
  const later = outside.sign(csr, { days: 5000 });
  await sleep(1100);
  const sooner = outside.sign(csr, { days: 4000 });
  const above = [outside.intermediate, outside.root];
  const keys = await site.privateKeys();

  await hsmonger('ca', 'import', sooner, ...above, '--wait', '60');
  // Nobody but the agent looks at what becomes of this one.
  await hsmonger('ca', 'import', later, ...above);
  const expires = new Date(new X509Certificate(readFileSync(later)).validTo).toISOString();
  await at.untilExpiring(ca, `${expires.slice(0, 10)} ${expires.slice(11, 19)} UTC`, 60_000);
  await at.agent.until(/: restart after 'reads-another'/u, 10_000);
  expect(await site.privateKeys()).toEqual(keys);
});
