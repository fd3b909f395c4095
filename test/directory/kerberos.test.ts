import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DirectoryConfig } from '../../src/config/instance.js';
import { openDirectory } from '../../src/directory/open.js';
import { renewalDn } from '../../src/directory/tree.js';
import { startDirectoryServers, type DirectoryServers } from '../rig/directory-server.js';
import { ensureServiceUser } from '../rig/service-user.js';

const nickname = 'subsystemCert cert-pki-ca';
let rig: DirectoryServers;
beforeAll(async () => {
  rig = await startDirectoryServers({ kerberos: true });
});
afterAll(() => rig.stop());

const config = (over: 'ldaps' | 'starttls', keytab = rig.kerberos!.keytab): DirectoryConfig =>
  rig.servers[0]!.config({ method: 'gssapi', keytab }, over);
const environment = () => rig.kerberos!.environment;
const caches = () => readdirSync(tmpdir()).filter((name) => name.startsWith(`hsmonger-krb5.${String(process.pid)}.`));

it.each<[string, () => DirectoryConfig]>([
  ['ldaps', () => config('ldaps')],
  ['StartTLS', () => config('starttls')],
  ['plain LDAP, which Kerberos itself seals', () => ({ ...config('starttls'), startTls: false })],
])(
  'a keytab makes us the host entry over %s, which may write shared certificates and nothing else; the ticket goes with it',
  async (_, of) => {
    const directory = await openDirectory(of(), { environment: environment() });
    expect(caches()).toHaveLength(1);
    const dn = renewalDn(rig.base, nickname);
    await directory.modify(dn, [{ operation: 'add', attribute: 'userCertificate', values: ['by host'] }]);
    await directory.modify(dn, [{ operation: 'delete', attribute: 'userCertificate', values: ['by host'] }]);
    await expect(directory.modify(dn, [{ operation: 'add', attribute: 'description', values: ['x'] }])).rejects.toMatchObject({
      code: 'DIRECTORY_REFUSED',
      message: expect.stringContaining('LDAP result 50') as string,
    });
    expect(await directory.search({ base: dn, scope: 'base', attributes: ['userCertificate'] })).toHaveLength(1);
    await directory.close();
    expect(caches()).toEqual([]);
  },
);

it('opened as root, it serves the service user, who cannot read the keytab', () => {
  const parcel = { config: config('ldaps'), user: ensureServiceUser().name, dn: renewalDn(rig.base, nickname), environment: environment() };
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', path.join(import.meta.dirname, 'drop-worker.ts')], {
    input: JSON.stringify(parcel),
    encoding: 'utf8',
    timeout: 30_000,
  });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  const { uid, values } = JSON.parse(stdout) as { uid: number; values: string[] };
  expect(uid).not.toBe(0);
  expect(values).toContain(`written by uid ${String(uid)}`);
});

it.each<[string, () => DirectoryConfig, () => Record<string, string>, string]>([
  ['no keytab', () => config('ldaps', '/nowhere/keytab'), environment, 'DIRECTORY_REFUSED'],
  [
    'no such principal in it',
    () => ({ ...config('ldaps'), bind: { method: 'gssapi', keytab: rig.kerberos!.keytab, principal: 'host/elsewhere' } }),
    environment,
    'DIRECTORY_REFUSED',
  ],
  [
    'no KDC that answers',
    () => config('ldaps'),
    () => {
      const file = path.join(rig.directory, 'nobody.conf');
      writeFileSync(
        file,
        '[libdefaults]\ndefault_realm = EXAMPLE.TEST\ndns_lookup_kdc = false\n[realms]\nEXAMPLE.TEST = {\n kdc = 127.0.0.1:1\n}\n',
      );
      return { KRB5_CONFIG: file };
    },
    'DIRECTORY_UNAVAILABLE',
  ],
  [
    "a certificate of another CA's",
    () => ({ ...config('ldaps'), caFile: '/etc/ssl/certs/ca-certificates.crt' }),
    environment,
    'DIRECTORY_UNAVAILABLE',
  ],
  [
    "a certificate of another CA's after StartTLS",
    () => ({ ...config('starttls'), caFile: '/etc/ssl/certs/ca-certificates.crt' }),
    environment,
    'DIRECTORY_UNAVAILABLE',
  ],
])('%s: nothing is opened, no ticket is left', async (_, of, env, code) => {
  await expect(openDirectory(of(), { environment: env(), timeoutMs: 5000 })).rejects.toMatchObject({ code });
  expect(caches()).toEqual([]);
});
