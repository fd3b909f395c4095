/** A replica without an HSM: the same keys in its NSS database, taken there by PKCS#12; the master's are on its token. */
import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runAs } from '../rig/run-as.js';
import { startTwoServers, type TwoServers } from '../rig/two-servers.js';

const ocsp = 'ocspSigningCert cert-pki-ca';
const subsystem = 'subsystemCert cert-pki-ca';

let servers: TwoServers;
let softKeys: string[];

beforeAll(async () => {
  servers = await startTwoServers({ software: [ocsp, subsystem] });
  softKeys = await internalKeys();
  await servers.replica.startAgent();
});
afterAll(async () => {
  await servers.stop();
});

/** CKA_IDs of the private keys in the replica's NSS database, by certutil. */
async function internalKeys(): Promise<string[]> {
  const { owner, nss, token } = servers.replica.site;
  return (
    (
      await runAs(owner, 'certutil', ['-K', '-d', `sql:${nss.database}`, '-f', nss.loginFile], { env: token.environment, cwd: '/' })
    ).stdout.match(/\b[0-9a-f]{40}\b/gu) ?? []
  ).sort();
}

test('it serves what the master published within a minute, from its own database, and no key is new', async () => {
  const { master, replica } = servers;
  expect(softKeys).toHaveLength(2);
  const before = await master.site.onToken(ocsp);
  const run = await master.site.cli('renew', '--wait', '120', ocsp, subsystem);
  expect(run, `${run.stdout}${run.stderr}`).toMatchObject({ exitCode: 0 });
  const start = Date.now();
  for (const nickname of [ocsp, subsystem]) {
    const [published] = (await servers.published(1)).get(nickname) ?? [];
    for (; (await replica.served()).get(nickname) !== Date.parse(published!.validTo); await sleep(200))
      expect(Date.now() - start, `${nickname}\n${replica.agent()?.log() ?? ''}\n${(await replica.site.cli('status')).stdout}`).toBeLessThan(
        60_000,
      );
    expect(new X509Certificate((await replica.inDatabase(nickname))!).fingerprint256).toBe(published!.fingerprint256);
  }
  console.log(`without an HSM: both served ${((Date.now() - start) / 1000).toFixed(1)} s after the master was done`);
  expect(await internalKeys()).toEqual(softKeys);
  // The token is the master's: what it holds is what the master put there.
  expect(await master.site.onToken(ocsp)).toHaveLength(before.length + 1);
});
