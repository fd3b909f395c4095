/** A root that is somewhere else: the request goes there, the answer comes back; `ca list`, `show` and `chain` tell what there is. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createOutsideAuthority, type OutsideAuthority } from '../../rig/outside-authority.js';
import { hsmonger } from '../site.js';
import { layGround, openssl, type Ground } from './ground.js';

let ground: Ground;
let outside: OutsideAuthority;
let csr: string;
beforeAll(async () => {
  ground = await layGround();
  mkdirSync(path.join(ground.directory, 'outside'));
  outside = createOutsideAuthority(path.join(ground.directory, 'outside'));
  csr = path.join(ground.directory, 'sub.csr');
});
afterAll(() => ground.remove());

const ca = (...args: string[]) => hsmonger('ca', ...args, '--instance', 'sub', ...ground.here);
const subject = ['--subject', 'CN=Sub CA,O=Outside', '--key-type', 'P-384', '--path-length', '0', '--permit', 'dns:example.test'];

it('the request asks for a CA, and OpenSSL verifies it; asked again it is the same', async () => {
  const said = await ca('csr', ...ground.onToken, ...subject, '--out', csr);
  expect(said.exitCode, said.err).toBe(0);
  const text = openssl('req', '-in', csr, '-noout', '-verify', '-text');
  expect(text).toMatch(/Subject: O = Outside, CN = Sub CA\s/u);
  expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/u);
  expect(text).toMatch(/Key Usage: critical\s+Digital Signature, Certificate Sign, CRL Sign/u);
  expect(text).toMatch(/Permitted:\s+DNS:example\.test/u);
  const again = await ca('csr', ...subject);
  expect(again.exitCode, again.err).toBe(0);
  expect(again.out).toBe(readFileSync(csr, 'utf8'));
  expect((await ground.objects()).map((object) => object.split(' ')[0])).toEqual(['Private', 'Public']);
});

it('without --subject there is nothing to go by, and --out writes over nothing', async () => {
  expect((await ca('csr')).err).toMatch(
    /There is no certificate 'sub'.* to have its request written once more, give --subject, and --key or --key-type\.\n$/u,
  );
  // What a run before this one wrote is what this one would.
  expect(await ca('csr', ...subject, '--out', csr)).toMatchObject({ exitCode: 0 });
  const other = ground.file('other', 'something else\n');
  expect(await ca('csr', ...subject, '--out', other)).toMatchObject({ exitCode: 2 });
  expect(readFileSync(other, 'utf8')).toBe('something else\n');
  expect((await ca('csr', '--days', '3')).err).toContain('go without --subject');
});

it('what is no answer to it is refused, and nothing is stored', async () => {
  const good = outside.sign(csr, { extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'] });
  const leaf = outside.sign(csr, { extensions: ['basicConstraints=critical,CA:FALSE'] });
  for (const [files, why] of [
    [[good], /no certificate of CN=Intermediate,O=Outside is at hand .*hand in every certificate above it as well/u],
    [[leaf, outside.intermediate, outside.root], /it is no CA certificate/u],
    [[outside.root], /None of the certificates/u],
  ] as const) {
    const said = await ca('import', ...files);
    expect(said.exitCode, said.out).toBeGreaterThan(0);
    expect(said.err).toMatch(why);
  }
  expect((await ground.objects()).filter((object) => object.startsWith('Certificate'))).toEqual([]);
});

it("another CA's answer is not taken for this one's, though its key is on the token too", async () => {
  const other = path.join(ground.directory, 'other.csr');
  expect(
    await hsmonger(
      'ca',
      'csr',
      '--instance',
      'other',
      ...ground.onToken,
      '--subject',
      'CN=Other CA',
      '--key-type',
      'P-384',
      '--out',
      other,
      ...ground.here,
    ),
  ).toMatchObject({ exitCode: 0 });
  const answer = outside.sign(other, { extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'] });
  const said = await ca('import', answer, outside.intermediate, outside.root);
  expect(said).toMatchObject({
    exitCode: 1,
    err: expect.stringMatching(/CN=Other CA .* is for another key on token 'pki' than the request of 'sub'/u) as string,
  });
  expect((await ground.objects()).filter((object) => object.startsWith('Certificate'))).toEqual([]);
});

it('the answer is stored with what stands above it', async () => {
  const good = outside.sign(csr, {
    extensions: [
      'basicConstraints=critical,CA:TRUE,pathlen:0',
      'keyUsage=critical,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
    ],
  });
  const said = await ca('import', good, outside.intermediate, outside.root);
  expect(said.exitCode, said.err).toBe(0);
  const stored = (await ground.objects()).filter((object) => object.startsWith('Certificate'));
  expect(stored.map((object) => object.split(' ').slice(0, 2).join(' '))).toEqual([
    'Certificate Intermediate',
    'Certificate Root',
    'Certificate sub',
  ]);
  expect((await ca('csr', ...subject)).err).toContain('has a certificate already');
});

it('the same answer once more is there already, by itself, with its chain, and in one file with it; certmonger is not asked', async () => {
  const answer = path.join(ground.directory, 'again.pem');
  writeFileSync(answer, await ground.certificate('sub'));
  const bundle = ground.file('bundle.pem', [outside.root, answer, outside.intermediate].map((file) => readFileSync(file, 'utf8')).join(''));
  const before = [await ground.objects(), readdirSync(path.join(ground.state, 'sub'))];
  for (const files of [[answer], [answer, outside.intermediate, outside.root], [bundle]]) {
    const said = await ca('import', ...files);
    expect(said, said.err).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(
        /^sub: is there already, serial [0-9a-f]+, from CN=Intermediate,O=Outside, expires \d{4}-\d\d-\d\d; nothing was changed\.\n$/u,
      ) as string,
    });
  }
  expect(JSON.parse((await ca('import', answer, '--json')).out)).toMatchObject({
    there: { nickname: 'sub', subject: 'CN=Sub CA,O=Outside' },
  });
  expect([await ground.objects(), readdirSync(path.join(ground.state, 'sub'))]).toEqual(before);
});

it('the chain is the CA first and the root last, as the article cats it', async () => {
  const out = path.join(ground.directory, 'ca-chain.crt');
  const said = await ca('chain', '--out', out);
  expect(said.exitCode, said.err).toBe(0);
  expect(said.out).toContain('CN=Sub CA,O=Outside < CN=Intermediate,O=Outside < CN=Root,O=Outside');
  const below = ground.file(
    'below.pem',
    readFileSync(out, 'utf8')
      .split(/(?<=-----END CERTIFICATE-----\n)/u)
      .slice(1)
      .join(''),
  );
  // Not strictly: that root has no key usage.
  expect(openssl('verify', '-CAfile', below, out)).toContain(': OK');
  expect(execFileSync('certtool', ['--verify-chain', '--verify-profile', 'low', '--infile', out], { encoding: 'utf8' })).toContain(
    'Verified.',
  );
});

it('show tells a certificate of the token by its nickname, as openssl tells it', async () => {
  const said = await ca('show', '--nickname', 'sub', '--json');
  expect(said.exitCode, said.err).toBe(0);
  const shown = JSON.parse(said.out) as {
    serial: string;
    pem: string;
    chain: string[];
    extensions: { name: string; critical: boolean; value: string }[];
  };
  const file = ground.file('shown.pem', shown.pem);
  expect(BigInt(`0x${shown.serial}`)).toBe(BigInt(`0x${openssl('x509', '-in', file, '-noout', '-serial').split('=')[1]!.trim()}`));
  expect(shown.chain).toEqual(['CN=Intermediate,O=Outside', 'CN=Root,O=Outside']);
  expect(shown.extensions).toContainEqual({ name: 'basicConstraints', oid: '2.5.29.19', critical: true, value: 'CA:TRUE, pathlen:0' });
  expect(shown.extensions.find(({ name }) => name === 'keyUsage')?.value).toBe('keyCertSign, cRLSign');
  expect((await ca('show', '--nickname', 'sub')).out).toMatch(/^subject: +CN=Sub CA,O=Outside$/mu);
  expect((await ca('show', '--nickname', 'sub', '--pem')).out).toBe(shown.pem);
});

it('list has nothing yet; a root of this host lists itself', async () => {
  expect((await ca('list')).out).toBe('');
  const root = await hsmonger(
    'ca',
    'init-root',
    '--instance',
    'root',
    ...ground.here,
    ...ground.onToken,
    '--subject',
    'CN=Root,O=My Company',
    '--key-type',
    'P-256',
  );
  expect(root.exitCode, root.err).toBe(0);
  const listed = async (...flags: string[]) =>
    JSON.parse((await hsmonger('ca', 'list', '--json', '--instance', 'root', ...ground.here, ...flags)).out) as {
      serial: string;
      subject: string;
      profile: string;
      state: string;
    }[];
  const [row, ...more] = await listed();
  expect(more).toEqual([]);
  expect(row).toMatchObject({ subject: 'CN=Root,O=My Company', profile: 'caCACert', state: 'valid' });
  expect(await listed('--valid')).toHaveLength(1);
  expect(await listed('--expired', '--revoked')).toEqual([]);
  const colons = row!.serial.toUpperCase().match(/../gu)!.join(':');
  const said = await hsmonger('ca', 'show', colons, '--instance', 'root', ...ground.here);
  expect(said.exitCode, said.err).toBe(0);
  expect(said.out).toMatch(/^chain: +a root$/mu);
  expect(said.out).toMatch(/^issued: +\S+ by profile caCACert, request [0-9a-f]{64}$/mu);
  expect((await hsmonger('ca', 'show', '00', '--instance', 'root', ...ground.here)).err).toContain(
    'No certificate with serial 00 was issued',
  );
});
