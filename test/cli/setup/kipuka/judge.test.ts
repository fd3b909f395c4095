import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { judgeCa, sharedNames, type Adoption } from '../../../../src/cli/setup/kipuka/judge.js';
import { moveIdCommand } from '../../../../src/cli/setup/kipuka/move-id-command.js';
import { nssKeyId } from '../../../../src/pkcs11/objects/nss-key-id.js';
import type { TokenDescription } from '../../../../src/pkcs11/token.js';
import type { Certificate } from '../../../../src/x509/certificate.js';
import { parseCertificate } from '../../../../src/x509/parse-certificate.js';
import { certificateFromPem } from '../../../../src/x509/pem.js';
import { privateDirectory, type PrivateDirectory } from '../../../rig/directory.js';

let directory: PrivateDirectory;
let certificate: Certificate;

beforeAll(() => {
  directory = privateDirectory('kipuka-judge');
  const [key, file] = [path.join(directory.path, 'k.pem'), path.join(directory.path, 'c.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', file, '-subj', '/CN=a'], {
    stdio: 'pipe',
  });
  certificate = parseCertificate(certificateFromPem(readFileSync(file, 'utf8')));
});
afterAll(() => {
  directory.remove();
});

const judged = (id: string, name: string, certificates: readonly { label: string; id: Uint8Array; der: Uint8Array }[] = []) =>
  judgeCa(
    { id, name, cert: `${id}.pem`, hsmSlot: 1 },
    certificate,
    {
      description: { label: 'kipuka' } as TokenDescription,
      mechanisms: [],
      certificates,
      keys: [
        {
          id: nssKeyId(certificate.spki) ?? new Uint8Array(),
          label: 'k',
          type: 'RSA',
          size: 2048,
          spki: certificate.spki,
          sensitive: true,
          extractable: false,
          canSign: true,
        },
      ],
    },
    () => '',
  );

test.each([
  ['ACME: root', "which holds ':' or '/'"],
  ['a/b', "which holds ':' or '/'"],
  [' ', 'which is empty'],
])('a [[ca]] called %j is an obstacle, and not a failure after the others were set up', (name, why) => {
  expect(judged('one', name)).toMatchObject({ problem: expect.stringContaining(why) as string });
});

test('one whose certificate is on the token has the label it has there, whatever it is called', () => {
  expect(judged('one', 'a/b', [{ label: 'root', id: Uint8Array.of(1), der: certificate.der }])).toMatchObject({
    nickname: 'root',
    stored: true,
  });
});

test('two of one name are an obstacle, told once', () => {
  const [one, two, three] = [judged('one', 'CA'), judged('two', 'CA'), judged('three', 'other')] as Adoption[];
  expect(sharedNames([one!, two!, three!]).map(({ problem }) => problem)).toEqual([
    expect.stringContaining("[[ca]] 'two' and 'one' have one name, 'CA'"),
  ]);
  expect(sharedNames([one!, three!])).toEqual([]);
});

test('the command that moves a key names the library parameters too', () => {
  const command = moveIdCommand(
    '01',
    { module: '/m.so', label: 'kipuka', pinFile: '/p', user: 'kipuka', environment: {}, parameters: "configdir='/etc/x'" },
    { config: '/etc/hsmonger', state: '/var/lib/hsmonger' },
  );
  expect(execFileSync('sh', ['-c', `set -- ${command}; printf '%s\\n' "$@"`], { encoding: 'utf8' })).toContain(
    "\n--module-parameters\nconfigdir='/etc/x'\n",
  );
});
