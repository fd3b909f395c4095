import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync, chownSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nssKeyId } from '../../src/pkcs11/objects/nss-key-id.js';
import { makePair } from '../tracking/facts.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createNssDatabase, type NssDatabase } from '../rig/nss-database.js';
import { runAs } from '../rig/run-as.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';

let directory: PrivateDirectory;
let token: SoftToken;
let nss: NssDatabase;
const owner = ensureServiceUser();

beforeAll(async () => {
  directory = privateDirectory();
  token = await createSoftToken({ directory: directory.path, owner });
  nss = await createNssDatabase({ directory: directory.path, token });
});

afterAll(() => {
  directory.remove();
});

test.each([
  ['RSA 2048', ['-k', 'rsa', '-g', '2048']],
  ['RSA 4096', ['-k', 'rsa', '-g', '4096']],
  ['P-256', ['-k', 'ec', '-q', 'nistp256']],
  ['P-521', ['-k', 'ec', '-q', 'nistp521']],
])('is the CKA_ID NSS itself gives an %s key', async (name, kind) => {
  const noise = path.join(directory.path, 'noise');
  writeFileSync(noise, randomBytes(64));
  chownSync(noise, owner.uid, owner.gid);
  const as = { env: token.environment, cwd: '/' };
  const request = [
    '-R',
    '-d',
    `sql:${nss.database}`,
    '-h',
    token.label,
    '-f',
    nss.loginFile,
    '-z',
    noise,
    '-s',
    `CN=${name}`,
    '-a',
    ...kind,
  ];
  const { stdout } = await runAs(owner, 'certutil', request, as);
  const { stdout: pem } = await runAs(undefined, 'openssl', ['req', '-pubkey', '-noout'], { input: stdout });
  const { stdout: listed } = await runAs(
    owner,
    'certutil',
    ['-K', '-d', `sql:${nss.database}`, '-h', token.label, '-f', nss.loginFile],
    as,
  );
  const spki = Buffer.from(pem.replace(/-----.*?-----/gu, ''), 'base64');
  expect(listed.match(/\b[0-9a-f]{40}\b/gu)).toContain(nssKeyId(spki)?.toString('hex'));
});

test("is SHA-1 of an Edwards curve's point as it is, and unknown for what is no key", async () => {
  const { key } = await makePair('x', { kind: 'ed25519' });
  expect(nssKeyId(key.spki!)).toEqual(createHash('sha1').update(key.spki!.slice(-32)).digest());
  expect(nssKeyId(Buffer.from([1, 2, 3]))).toBeUndefined();
});
