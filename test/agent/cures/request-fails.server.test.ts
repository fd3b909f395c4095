/**
 * Certificate requests whose making fails again and again, on a real system whose agent runs: told where they fail, never where the HSM is
 * slow, and well again by themselves.
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { connectCertmonger } from '../../../dbus/certmonger.js';
import { getcert } from '../../rig/certmonger.js';
import { privateDirectory } from '../../rig/directory.js';
import { buildFailingRequests, type FailingRequests } from '../../rig/failing-requests.js';
import { startBreakSite, type BreakSite } from '../breaks/rig.js';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 300_000 });

const ca = 'caSigningCert cert-pki-ca';
const [ocsp, audit] = ['ocspSigningCert cert-pki-ca', 'auditSigningCert cert-pki-ca'] as const;
const ocspId = 'hsmonger.ocspSigningCert_cert-pki-ca';

const home = privateDirectory('failing');
let requests: FailingRequests;
let at: BreakSite;

beforeAll(async () => {
  requests = buildFailingRequests(home.path);
  at = await startBreakSite(
    {
      certificates: [
        { nickname: ca, profile: 'caCACert' },
        { nickname: ocsp, profile: 'caOCSPCert' },
        { nickname: audit, profile: 'caSignedLogCert' },
      ],
      each: { daysLeft: 300 },
      only: { [ca]: { daysLeft: 3000 } },
    },
    { certmonger: requests.environment },
  );
});
afterAll(async () => {
  requests.mend();
  await at.stop();
  home.remove();
});

/** Part of the name in the certificate. */
const nameIn = async (nickname: string) => /CN=([^,]+)/u.exec((await at.record(nickname)).get('subject') ?? '')?.[1] ?? '';
const request = async (id: string) => {
  const client = await connectCertmonger(at.site.bus.address);
  try {
    return await client.request(id).read();
  } finally {
    client.disconnect();
  }
};

test('a child that crashes each time is told, with what to do; one that works on a slow HSM is not; both go on when the cause is gone', async () => {
  const before = { [ocsp]: await at.serial(ocsp), [audit]: await at.serial(audit) };
  const from = at.events().length;
  requests.crash(await nameIn(ocsp));
  requests.slow(await nameIn(audit));
  await at.renew(ocsp);
  await at.renew(audit);
  await at.untilStatus(audit, 'GENERATING_CSR', 60_000);
  const told = await at.until(
    'told',
    from,
    ({ nickname, details }) => nickname === ocsp && details?.['cause'] === 'request-fails',
    300_000,
  );
  expect(told.kind).toBe('failed');
  expect(told.message).toContain(`'${ocsp}': certmonger's child that makes the certificate request has ended without one again and again`);
  const { stdout } = await at.site.cli('status');
  expect(stdout).toContain('systemctl restart certmonger');
  // It began later than the other by a second, and has lasted as long.
  expect((await at.record(audit)).get('status')).toBe('GENERATING_CSR');
  expect(
    at
      .events()
      .slice(from)
      .filter(({ nickname }) => nickname === audit),
  ).toEqual([]);
  expect(stdout.split('\n').find((line) => line.includes('auditSigningCert'))).not.toMatch(/certificate request/u);
  requests.mend();
  await at.untilRenewed(ocsp, before[ocsp], 90_000);
  await at.untilRenewed(audit, before[audit], 90_000);
  await at.until('healed', from, ({ kind, nickname }) => kind === 'healed' && nickname === ocsp, 60_000);
});

test('a request that would ask for a type of Netscape is made to ask for none while its children crash, and goes on', async () => {
  const before = await at.serial(ocsp);
  const from = at.events().length;
  requests.crash(await nameIn(ocsp));
  await at.renew(ocsp);
  await at.untilStatus(ocsp, 'NEED_CSR', 30_000);
  execFileSync('dbus-send', [
    `--bus=${at.site.bus.address}`,
    '--print-reply',
    '--dest=org.fedorahosted.certmonger',
    (await request(ocspId)).path,
    'org.freedesktop.DBus.Properties.Set',
    'string:org.fedorahosted.certmonger.request',
    'string:template-ns-certtype',
    'variant:string:server',
  ]);
  await at.until(
    'set right',
    from,
    ({ kind, nickname, message }) => kind === 'reconciled' && nickname === ocsp && message.includes("Netscape certificate type 'server'"),
    60_000,
  );
  expect((await request(ocspId)).template.netscapeType).toBe('none');
  expect((await at.record(ocsp)).get('status')).toMatch(/_CSR$/u);
  requests.mend();
  await at.untilRenewed(ocsp, before, 90_000);
});

test("so is one of getcert's own that goes to our CA, before its first renewal, after which certmonger is started again", async () => {
  const [key, crt] = ['plain.key', 'plain.crt'].map((name) => path.join(home.path, name)) as [string, string];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=plain',
      '-addext',
      'nsCertType=server',
      '-days',
      '300',
      '-keyout',
      key,
      '-out',
      crt,
    ],
    { stdio: 'ignore' },
  );
  await getcert(at.site.bus, ['start-tracking', '-c', 'hsmonger', '-I', 'plain', '-f', crt, '-k', key]);
  for (const end = Date.now() + 30_000; (await request('plain')).template.netscapeType !== 'none'; await sleep(100))
    expect(Date.now()).toBeLessThan(end);
  await at.site.certmonger.restart();
  expect((await request('plain')).template.netscapeType).toBe('none');
  await getcert(at.site.bus, ['stop-tracking', '-i', 'plain']);
});
