import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { judgeCa, sharedBetween, type Adoption } from '../../../../src/cli/setup/kipuka/judge.js';
import { tokenCommand } from '../../../../src/cli/setup/kipuka/token-command.js';
import { nssKeyId } from '../../../../src/pkcs11/objects/nss-key-id.js';
import type { TokenDescription } from '../../../../src/pkcs11/token.js';
import type { Certificate } from '../../../../src/x509/certificate.js';
import { parseCertificate } from '../../../../src/x509/parse-certificate.js';
import { certificateFromPem } from '../../../../src/x509/pem.js';
import { privateDirectory, type PrivateDirectory } from '../../../rig/directory.js';

let directory: PrivateDirectory;
/** Of CN=a, of CN=b, and of CN=a with another key. */
let certificates: Certificate[];
let certificate: Certificate;

beforeAll(() => {
  directory = privateDirectory('kipuka-judge');
  certificates = ['a', 'b', 'a'].map((name, nth) => {
    const [key, file] = [path.join(directory.path, 'k.pem'), path.join(directory.path, `${String(nth)}.pem`)];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', file, '-subj', `/CN=${name}`], {
      stdio: 'pipe',
    });
    return parseCertificate(certificateFromPem(readFileSync(file, 'utf8')));
  });
  [certificate] = certificates as [Certificate];
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

const adoption = (id: string, name: string, own: Certificate) =>
  ({ ca: { id, name, cert: `${id}.pem`, hsmSlot: 1 }, certificate: own, nickname: name, stored: false }) satisfies Adoption;

test.each([
  ['name', ['one', 'CA', 0], ['two', 'CA', 1], "[[ca]] 'two' and 'one' have one name, 'CA'"],
  ['id', ['one', 'CA', 0], ['one', 'other', 1], "Two [[ca]] have the id 'one'"],
  ['key', ['one', 'CA', 0], ['two', 'other', 0], "[[ca]] 'two' and 'one' are one CA"],
  ['subject', ['one', 'CA', 0], ['two', 'other', 2], "[[ca]] 'two' and 'one' have one subject, CN=a, and certmonger deletes"],
] as const)('two of one %s are an obstacle, told once', (_what, [id, name, at], [otherId, otherName, otherAt], told) => {
  const [one, two] = [adoption(id, name, certificates[at]!), adoption(otherId, otherName, certificates[otherAt]!)];
  expect(sharedBetween([one, two]).map(({ problem }) => problem)).toEqual([expect.stringContaining(told)]);
  expect(sharedBetween([one, adoption('three', 'third', certificates[1]!)])).toEqual([]);
});

test('what certmonger would delete on the token is an obstacle: another subject under the nickname, the subject under another', () => {
  const on = (label: string, at: number) => [{ label, id: Uint8Array.of(1), der: certificates[at]!.der }];
  expect(judged('one', 'CA', on('CA', 1))).toMatchObject({ problem: expect.stringContaining('that of CN=b') as string });
  expect(judged('one', 'CA', on('old CA', 2))).toMatchObject({
    problem: expect.stringContaining("and so has 'old CA' on token") as string,
  });
  expect(judged('one', 'CA', on('CA', 2))).toMatchObject({ nickname: 'CA', stored: false });
  expect(judged('one', 'CA', on('other', 1))).toMatchObject({ nickname: 'CA', stored: false });
});

test('the command that moves a key names the library parameters too', () => {
  const command = tokenCommand(
    ['move-id', '01'],
    { module: '/m.so', label: 'kipuka', pinFile: '/p', user: 'kipuka', environment: {}, parameters: "configdir='/etc/x'" },
    { config: '/etc/hsmonger', state: '/var/lib/hsmonger' },
  );
  expect(execFileSync('sh', ['-c', `set -- ${command}; printf '%s\\n' "$@"`], { encoding: 'utf8' })).toContain(
    "\n--module-parameters\nconfigdir='/etc/x'\n",
  );
});
