import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignatureAlgorithm } from '../../src/config/signature-algorithm.js';
import { openToken } from '../../src/pkcs11/open-token.js';
import { parseKeyType } from '../../src/pkcs11/objects/key-type.js';
import { nssKeyId } from '../../src/pkcs11/objects/nss-key-id.js';
import type { Token } from '../../src/pkcs11/token.js';
import { formatUri, parseUri, type Pkcs11Uri } from '../../src/pkcs11/uri.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createNssDatabase, type NssDatabase } from '../rig/nss-database.js';
import { listedObjects } from '../rig/pkcs11-listing.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { guardInMemory } from './fake-cryptoki.js';

let directory: PrivateDirectory;
let soft: SoftToken;
let nss: NssDatabase;
let token: Token;

beforeAll(async () => {
  directory = privateDirectory();
  soft = await createSoftToken({ directory: directory.path });
  nss = await createNssDatabase({ directory: directory.path, token: soft });
  token = await openToken(
    {
      selector: { by: 'label', label: soft.label },
      module: soft.module,
      environment: soft.environment,
      pin: { from: 'file', path: soft.pinFile },
    },
    { pins: guardInMemory(), access: 'write' },
  );
});

afterAll(async () => {
  await token.close();
  directory.remove();
});

const env = () => ({ ...process.env, ...soft.environment });
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const witness = (program: string, ...args: string[]) =>
  execFileSync(program, args, { env: env(), stdio: ['ignore', 'pipe', 'pipe'] }).toString();
const pkcs11Tool = (...args: string[]) =>
  witness('pkcs11-tool', '--module', soft.module, '--token-label', soft.label, '--login', '--pin', soft.pin, ...args);

describe('a key pair made on the token', () => {
  const kinds: [string, string, string, number, SignatureAlgorithm][] = [
    ['rsa:2048', 'rsa', 'RSA', 2048, { scheme: 'rsa-pkcs1', digest: 'sha256' }],
    ['EC:prime256v1', 'p256', 'EC', 256, { scheme: 'ecdsa', digest: 'sha256' }],
    ['P-384', 'p384', 'EC', 384, { scheme: 'ecdsa', digest: 'sha512' }],
    ['ec:secp521r1', 'p521', 'EC', 521, { scheme: 'ecdsa', digest: 'sha512' }],
    ['Ed25519', 'edwards', 'Ed25519', 255, { scheme: 'eddsa' }],
  ];

  it.each(kinds)('%s: signs, has the CKA_ID of its public value, and never leaves', async (words, label, type, size, algorithm) => {
    const key = await token.generateKeyPair({ type: parseKeyType(words), label });
    expect(key).toMatchObject({ label, type, size, sensitive: true, extractable: false, canSign: true });
    expect(hex(key.id)).toBe(hex(nssKeyId(key.spki!)!));
    const data = Buffer.from('to be signed');
    const digest = algorithm.scheme === 'eddsa' ? null : algorithm.digest;
    expect(verify(digest, data, { key: Buffer.from(key.spki!), format: 'der', type: 'spki' }, await token.sign(key, algorithm, data))).toBe(
      true,
    );

    const shown = listedObjects(pkcs11Tool('--list-objects')).filter(({ id }) => id === hex(key.id));
    expect(shown.map((one) => [one.kind, one.label]).sort()).toEqual([
      ['Private Key', label],
      ['Public Key', label],
    ]);
    const priv = shown.find(({ kind }) => kind === 'Private Key')?.text;
    expect(priv).toMatch(/Access: +sensitive, always sensitive, never extractable, local/u);
    expect(priv).toMatch(/Usage: +sign *$/mu);
  });

  it('is a key NSS finds by its id, and makes requests with', async () => {
    const key = await token.generateKeyPair({ type: { kind: 'EC', curve: 'P-256' }, label: 'for NSS' });
    const list = witness('certutil', '-K', '-d', `sql:${nss.database}`, '-h', soft.label, '-f', nss.loginFile);
    expect(list).toContain(hex(key.id));
    const csr = path.join(directory.path, 'nss.csr');
    witness(
      'certutil',
      '-R',
      '-d',
      `sql:${nss.database}`,
      '-h',
      soft.label,
      '-f',
      nss.loginFile,
      '-k',
      hex(key.id),
      '-s',
      'CN=by NSS',
      '-o',
      csr,
    );
    const spki = witness('openssl', 'req', '-inform', 'DER', '-in', csr, '-verify', '-pubkey', '-noout');
    expect(createPublicKey(spki).export({ type: 'spki', format: 'der' })).toEqual(Buffer.from(key.spki!));
  });

  it('has the id it was ordered with', async () => {
    const key = await token.generateKeyPair({ type: { kind: 'EC', curve: 'P-256' }, label: 'twice', id: Buffer.from('01', 'hex') });
    expect(hex(key.id)).toBe('01');
    await expect(token.generateKeyPair({ type: { kind: 'EC', curve: 'P-256' }, label: 'twice' })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
      message: expect.stringContaining("'twice'") as string,
    });
    await expect(token.generateKeyPair({ type: { kind: 'EC', curve: 'P-256' }, label: 'other', id: key.id })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
      message: expect.stringContaining('CKA_ID 01') as string,
    });
    expect(
      (await token.generateKeyPair({ type: { kind: 'EC', curve: 'P-256' }, label: 'twice', id: Buffer.from('02', 'hex') })).label,
    ).toBe('twice');
    expect(pkcs11Tool('--list-objects', '--type', 'privkey').match(/label: +twice/gu)).toHaveLength(2);
  });

  it('has the URI p11tool gives it, whatever its label, and p11tool finds it by ours', async () => {
    const labels = ['50 % = half; a "quote"?', 'Größe & Söhne 日本', "it's #1 (really) [x] |y| <z>", '%41%00'];
    const keys = await Promise.all(labels.map((label) => token.generateKeyPair({ type: { kind: 'EC', curve: 'P-256' }, label })));
    const p11tool = (...args: string[]) =>
      witness('p11tool', '--provider', soft.module, '--login', '--set-pin', soft.pin, '--only-urls', ...args)
        .split('\n')
        .filter((line) => line.startsWith('pkcs11:'));
    const { label, serial, manufacturer, model } = token.description;
    const own = { token: label, serial, manufacturer, model };
    const printed = p11tool('--list-privkeys', formatUri(own)).map(parseUri);
    for (const key of keys) {
      const uri: Pkcs11Uri = { ...own, object: key.label, id: key.id, type: 'private' };
      expect(printed).toContainEqual(uri);
      expect(p11tool('--list-privkeys', formatUri(uri)).map(parseUri)).toEqual([uri]);
    }
  });

  it.each(['', ' ', 'a:b', 'a/b', 'a ', 'a\nb', 'x'.repeat(256)])('is refused the label %j', async (label) => {
    await expect(token.generateKeyPair({ type: { kind: 'EC', curve: 'P-256' }, label })).rejects.toMatchObject({ code: 'LABEL_INVALID' });
  });
});

describe('a certificate stored on the token', () => {
  let made = 0;

  /** Self-signed, of a key outside: the token is asked for nothing but a place. */
  function certificate(subject: string, more: string[] = []): Buffer {
    const file = path.join(directory.path, `${String(made++)}.der`);
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        '/dev/null',
        '-out',
        file,
        '-outform',
        'DER',
        '-subj',
        subject,
        '-days',
        '2',
        ...more,
      ],
      { stdio: 'ignore' },
    );
    return readFileSync(file);
  }

  const read = (label: string) =>
    execFileSync(
      'pkcs11-tool',
      ['--module', soft.module, '--token-label', soft.label, '--read-object', '--type', 'cert', '--label', label],
      { env: env(), stdio: ['ignore', 'pipe', 'pipe'] },
    );

  it('is the same for pkcs11-tool, NSS and p11tool, and is stored once', async () => {
    const der = certificate('/C=DE/O=Größe & Co/CN=stored', ['-set_serial', '0x80ff']);
    const id = createHash('sha1').update(der).digest();
    expect(await token.storeCertificate(der, { label: 'stored one', id })).toBe('stored');
    expect(await token.storeCertificate(der, { label: 'stored one', id })).toBe('there already');
    expect(read('stored one')).toEqual(der);
    const shown = listedObjects(pkcs11Tool('--list-objects', '--type', 'cert')).filter((one) => one.label === 'stored one');
    expect(shown).toMatchObject([{ id: hex(id), text: expect.stringMatching(/serial: +80FF/u) as string }]);
    expect(
      execFileSync(
        'certutil',
        ['-L', '-d', `sql:${nss.database}`, '-h', soft.label, '-f', nss.loginFile, '-n', `${soft.label}:stored one`, '-r'],
        { env: env() },
      ),
    ).toEqual(der);
    expect(witness('p11tool', '--provider', soft.module, '--list-all-certs', `pkcs11:token=${soft.label}`)).toContain('Label: stored one');
  });

  it('is refused where it would be taken for another, and leaves what is there', async () => {
    const first = certificate('/CN=first', ['-set_serial', '7']);
    const id = Buffer.from([1]);
    await token.storeCertificate(first, { label: 'one', id });
    const before = await token.certificates();
    await expect(token.storeCertificate(first, { label: 'two', id })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
      message: expect.stringContaining("labelled 'one'") as string,
    });
    await expect(token.storeCertificate(first, { label: 'one', id: Buffer.from([2]) })).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });
    await expect(token.storeCertificate(certificate('/CN=first', ['-set_serial', '7']), { label: 'one', id })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
      message: expect.stringContaining('serial number') as string,
    });
    await expect(token.storeCertificate(certificate('/CN=second'), { label: 'one', id })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
      message: expect.stringContaining('another subject') as string,
    });
    await expect(token.storeCertificate(first.subarray(0, -1), { label: 'cut', id })).rejects.toMatchObject({
      code: 'CERTIFICATE_INVALID',
    });
    await expect(token.storeCertificate(certificate('/CN=third'), { label: 'a:b', id })).rejects.toMatchObject({ code: 'LABEL_INVALID' });
    expect(await token.certificates()).toEqual(before);
    // A renewed certificate shares subject, nickname and id with the old one.
    expect(await token.storeCertificate(certificate('/CN=first', ['-set_serial', '8']), { label: 'one', id })).toBe('stored');
    expect(await token.certificates('one')).toHaveLength(2);
  });
});
