/** A server that takes what another one publishes, whose directory is down when it is needed. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createAuthority } from '../../rig/authority.js';
import { startDirectoryServers, type DirectoryServers } from '../../rig/directory-server.js';
import { startBreakSite, type BreakSite } from './rig.js';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const ca = 'caSigningCert cert-pki-ca';
const victim = 'ocspSigningCert cert-pki-ca';

let at: BreakSite;
let servers: DirectoryServers;

beforeAll(async () => {
  at = await startBreakSite({ each: { daysLeft: 300 }, only: { [ca]: { daysLeft: 3000 } } });
  const { token, authority } = at.site;
  const newer = await createAuthority(
    { ...token, module: '/usr/lib/softhsm/libsofthsm2.so' },
    {
      certificates: [
        {
          nickname: victim,
          profile: 'caOCSPCert',
          subject: [{ O: ['HSMONGER.TEST'] }, { CN: ['OCSP Subsystem'] }],
          keyOf: victim,
          issuer: ca,
          store: false,
          ageDays: 1,
          daysLeft: 600,
        },
      ],
    },
  );
  servers = await startDirectoryServers({ ca: authority.certificate(ca).der, certificates: newer.certificates });
  await servers.kill(1);
});
afterAll(async () => {
  await at.stop();
  await servers.stop();
});

test('a directory that is down is told, whether or not somebody needs it, and what waited for it goes on once it is up', async () => {
  const keys = await at.site.privateKeys();
  const before = await at.serial(victim);
  const { uri, base, pkiBase } = servers.servers[0]!.config();
  const scratch = path.dirname(at.instanceFile);
  writeFileSync(
    at.instanceFile,
    `${readFileSync(at.instanceFile, 'utf8').replace('type = "token"', 'type = "directory"')}\n[directory]\nuri = "${uri}"\nbind = "external"\nbase = "${base}"\npki-base = "${pkiBase}"\nhost = "ca2.example.test"\n\n[freeipa]\nsubject-base = "O=HSMONGER.TEST"\nlock-file = "${scratch}/renewal.lock"\ncsr-file = "${scratch}/ca.csr"\n`,
  );
  const from = at.events().length;
  at.agent.reload();
  const isDown =
    (nickname: string | undefined) => (event: { kind: string; nickname?: string; details?: Readonly<Record<string, string>> }) =>
      event.kind !== 'healed' && event.details?.['cause'] === 'directory-down' && event.nickname === nickname;
  const told = await at.until("told of 'directory-down'", from, isDown(undefined), 60_000);
  expect(told.message).toMatch(/directory ldapi:.*start it/u);
  await at.renew(victim);
  await at.untilStatus(victim, 'CA_WORKING', 60_000);
  expect(await at.bystander(30_000)).toBeLessThan(30_000);
  await servers.start(1);
  await at.untilRenewed(victim, before, 120_000);
  await at.until(
    "healed of 'directory-down'",
    from,
    (event) => event.kind === 'healed' && event.details?.['cause'] === 'directory-down',
    120_000,
  );
  expect(await at.site.privateKeys()).toEqual(keys);
});
