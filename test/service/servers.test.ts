import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Instance } from '../../src/config/instance.js';
import type { Directory } from '../../src/directory/directory.js';
import { openDirectory } from '../../src/directory/open.js';
import { publishShared } from '../../src/directory/shared-certificates.js';
import type { Database } from '../../src/ledger/database.js';
import { openLedger } from '../../src/ledger/ledger.js';
import type { ServiceContext } from '../../src/service/context.js';
import { compareServers } from '../../src/service/tasks/servers/compare-servers.js';
import { pruneCertificates } from '../../src/service/tasks/token/prune-certificates.js';
import { lookAtAuthority } from '../../src/service/tasks/renewal/look-at-authority.js';
import { doctorInstance } from '../doctor/facts.js';
import { startDirectoryServers, type DirectoryServers } from '../rig/directory-server.js';
import { privateDirectory } from '../rig/directory.js';
import { startDogtagDouble, type DogtagDouble } from '../rig/dogtag-double.js';
import { day, leafConstraints, makeCertificate } from '../x509/material.js';

const scratch = privateDirectory('servers');
let rig: DirectoryServers;
let directory: Directory;
let ledger: Database;
let dogtag: DogtagDouble;

beforeAll(async () => {
  rig = await startDirectoryServers({ hosts: ['ca1.example.test', 'ca2.example.test'] });
  directory = await openDirectory(rig.servers[0]!.config());
  ledger = openLedger(path.join(scratch.path, 'ledger.sqlite'));
  dogtag = await startDogtagDouble(scratch.path);
}, 120_000);
afterAll(async () => {
  await directory.close();
  ledger.close();
  await dogtag.close();
  await rig.stop();
  scratch.remove();
});

const nickname = 'subsystemCert cert-pki-ca';
const contextOf = (instance: Instance, given: Pick<ServiceContext, 'directory'> = { directory }): ServiceContext => ({
  instance,
  directories: { config: scratch.path, state: scratch.path },
  clock: () => new Date(),
  openToken: () => Promise.reject(new Error('no token is opened here')),
  progress: () => undefined,
  interruption: () => new AbortController().signal,
  readPin: () => {
    throw new Error('no PIN is read here');
  },
  get initMeans(): never {
    throw new Error('no token is made here');
  },
  ledger: () => ledger,
  ...given,
});

test('what the directory says of servers and certificates is read, and nothing is changed', async () => {
  const instance: Instance = {
    ...doctorInstance,
    certificates: [{ nickname, profile: 'caSubsystemCert', storage: { kind: 'token' } }],
    directory: { ...rig.servers[0]!.config(), host: 'ca2.example.test' },
  };
  const certificate = await makeCertificate({
    keys: rig.subsystem!,
    subject: 'O=EXAMPLE.TEST, CN=CA Subsystem',
    by: rig.authority!,
    serial: '66',
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 900 * day),
    extensions: [leafConstraints()],
  });
  await publishShared(directory, rig.base, nickname, certificate, {
    now: new Date(),
    spki: rig.subsystem!.spki,
    authorities: [rig.authority!.certificate],
  });
  const before = await rig.servers[0]!.search('-b', rig.pkiBase, '(objectClass=*)');
  const { servers, shared, trusted, entries } = await compareServers(contextOf(instance), {
    certificates: [{ nickname, der: certificate.der }],
  });
  expect(servers.map(({ host, here }) => [host, here])).toEqual([
    ['ca1.example.test', false],
    ['ca2.example.test', true],
  ]);
  expect(shared).toEqual([{ nickname, published: [certificate.der] }]);
  expect(trusted).toEqual([rig.authority!.certificate.der]);
  expect(entries).toEqual([{ nickname, of: 'users', state: 'stale' }]);
  expect(await rig.servers[0]!.search('-b', rig.pkiBase, '(objectClass=*)')).toBe(before);
}, 60_000);

test('a CA that answers tells its time; one whose CA is down, or that is not there, is unreachable', async () => {
  const asked = (url: string) =>
    lookAtAuthority(contextOf({ ...doctorInstance, issuer: { type: 'dogtag', certificate: 'ca', url, caFile: dogtag.caFile } }));
  const { date } = await asked(dogtag.url);
  expect(Math.abs((date?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
  dogtag.intercept = (_, response) => {
    response.writeHead(503).end('down');
    return true;
  };
  await expect(asked(dogtag.url)).rejects.toMatchObject({ code: 'CA_UNREACHABLE', message: expect.stringContaining('503') as string });
  await expect(asked('https://localhost:1')).rejects.toMatchObject({ code: 'CA_UNREACHABLE' });
});

test('on a token that servers share, only the renewal master prunes; and nobody while the directory is silent', async () => {
  const config = rig.servers[0]!.config();
  const instance = (host: string): Instance => ({ ...doctorInstance, directory: { ...config, host } });
  await expect(pruneCertificates(contextOf(instance('ca2.example.test')), { remove: true, left: [] })).rejects.toMatchObject({
    code: 'NOT_PERMITTED',
    message: expect.stringContaining('renewal master') as string,
  });
  // The master gets as far as the token.
  await expect(pruneCertificates(contextOf(instance('ca1.example.test')), { remove: true, left: [] })).rejects.toThrow(
    'no token is opened here',
  );
  await expect(pruneCertificates(contextOf(instance('ca1.example.test'), {}), { remove: true, left: [] })).rejects.toMatchObject({
    code: 'DIRECTORY_UNAVAILABLE',
  });
});
