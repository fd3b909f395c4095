import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import path from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answersTls } from '../../src/platform/answers-tls.js';
import { privateDirectory } from '../rig/directory.js';

const directory = privateDirectory();
const servers: Server[] = [];
let tls = 0;
let silent = 0;
let closed = 0;

async function portOf(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(directory.path, name)) as [string, string];
  // Nobody trusts it, and it is for another name: that is no reason to call a server gone.
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-subj', '/CN=somebody else', '-days', '1'],
    { stdio: 'ignore' },
  );
  tls = await portOf(createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }));
  silent = await portOf(createTcpServer(() => undefined));
  closed = await portOf(createTcpServer());
  servers.pop()?.close();
});

afterAll(() => {
  for (const server of servers) server.close();
  directory.remove();
});

test('a server that takes up TLS is alive, whatever its certificate says', async () => {
  expect(await answersTls('127.0.0.1', [tls], 5000)).toBe(true);
});

test('one living port of several is enough, and is not waited for behind a silent one', async () => {
  const begun = Date.now();
  expect(await answersTls('127.0.0.1', [closed, silent, tls], 20_000)).toBe(true);
  expect(Date.now() - begun).toBeLessThan(10_000);
});

test('a closed port, a name nobody has, and a port that says nothing are no sign of life, and the last costs no more than its time', async () => {
  expect(await answersTls('127.0.0.1', [closed], 5000)).toBe(false);
  expect(await answersTls('nobody.invalid', [tls], 5000)).toBe(false);
  const begun = Date.now();
  expect(await answersTls('127.0.0.1', [silent], 300)).toBe(false);
  expect(Date.now() - begun).toBeGreaterThanOrEqual(290);
  expect(Date.now() - begun).toBeLessThan(5000);
});
