import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TokenConfig, TokenSelector } from '../../src/config/instance.js';
import { listTokens, openToken } from '../../src/pkcs11/open-token.js';
import type { OpenTokenOptions, Token } from '../../src/pkcs11/token.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createEmptySlotModule } from '../rig/empty-slot-module.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { generateRsaKey, storeCertificate, withSession, type GeneratedKey } from '../rig/token-objects.js';
import { guardInMemory } from './fake-cryptoki.js';

let directory: PrivateDirectory;
let soft: SoftToken;
const keys: Record<string, GeneratedKey> = {};
const opened: Token[] = [];

const config = (selector: TokenSelector = { by: 'label', label: soft.label }, more: Partial<TokenConfig> = {}): TokenConfig => ({
  selector,
  module: soft.module,
  environment: soft.environment,
  pin: { from: 'file', path: soft.pinFile },
  ...more,
});

async function open(selector?: TokenSelector, options: Partial<OpenTokenOptions> = {}, more: Partial<TokenConfig> = {}): Promise<Token> {
  const token = await openToken(config(selector, more), { pins: guardInMemory(), ...options });
  opened.push(token);
  return token;
}

/** OpenSC's view of the token. */
function pkcs11Tool(...args: string[]): string {
  const slot = listTokens(config()).find(({ label }) => label === soft.label)!.slotId;
  return execFileSync('pkcs11-tool', ['--module', soft.module, '--slot', String(slot), '--login', '--pin', soft.pin, ...args], {
    env: { ...process.env, ...soft.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  }).toString();
}

function selfSigned(commonName: string): X509Certificate {
  const file = path.join(directory.path, `${commonName}.pem`);
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-out', file, '-subj', `/CN=${commonName}`, '-days', '2'],
    { stdio: 'ignore' },
  );
  return new X509Certificate(readFileSync(file));
}

let certificate: X509Certificate;
let renewed: X509Certificate;

beforeAll(async () => {
  directory = privateDirectory();
  soft = await createSoftToken({ directory: directory.path, label: 'HSM ä' });
  await createSoftToken({ directory: directory.path, label: 'HSM ä2', beside: soft });
  for (let n = 0; n < 2; n++) await createSoftToken({ directory: directory.path, label: 'twin', beside: soft });
  certificate = selfSigned('first');
  renewed = selfSigned('second');
  await withSession(soft, (session) => {
    for (const bits of [2048, 3072, 4096]) keys[bits] = generateRsaKey(session, { bits, label: `key ${String(bits)}` });
    keys['foreign'] = generateRsaKey(session, { bits: 2048, label: 'twins', id: Buffer.from('foreign') });
    keys['unlabelled'] = generateRsaKey(session, { bits: 2048, id: Buffer.from('foreign') });
    const names = { subject: Buffer.from('3000', 'hex'), issuer: Buffer.from('3000', 'hex'), serial: Buffer.from('020101', 'hex') };
    storeCertificate(session, { der: certificate.raw, ...names, id: Buffer.from([1]), label: 'caSigningCert cert-pki-ca' });
    storeCertificate(session, { der: renewed.raw, ...names, id: Buffer.from([1]), label: 'caSigningCert cert-pki-ca' });
    storeCertificate(session, { der: renewed.raw, ...names, id: Buffer.from([2]) });
  });
  pkcs11Tool('--keypairgen', '--key-type', 'EC:prime256v1', '--id', 'ec01', '--label', 'curve');
}, 300_000);

afterAll(async () => {
  for (const token of opened) await token.close();
  directory.remove();
});

const failure = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) as string });
const sha256 = { scheme: 'rsa-pkcs1', digest: 'sha256' } as const;

describe('the token', () => {
  it('is found by its exact label, by slot, by index and by URI', async () => {
    const { description } = await open();
    expect(description).toMatchObject({
      label: 'HSM ä',
      model: 'SoftHSM v2',
      manufacturer: 'SoftHSM project',
      initialized: true,
      loginRequired: true,
      pin: 'fine',
    });
    const all = listTokens(config());
    const { index } = all.find(({ label }) => label === 'HSM ä')!;
    for (const selector of [
      { by: 'slot', slotId: description.slotId },
      { by: 'slot-index', index },
      { by: 'uri', uri: `pkcs11:token=HSM%20%C3%A4;serial=${description.serial};model=SoftHSM%20v2` },
      { by: 'uri', uri: `pkcs11:slot-id=${String(description.slotId)}?module-path=${soft.module}` },
    ] as const) {
      expect((await open(selector)).description).toEqual(description);
    }
  });

  it("by index is pkcs11-tool's, behind an empty slot too, which slot-index counts and nothing else shows", async () => {
    const module = createEmptySlotModule(directory.path, soft.module);
    const all = listTokens({ ...config(), module });
    const listed = execFileSync('pkcs11-tool', ['--module', module, '-L'], { env: { ...process.env, ...soft.environment } }).toString();
    const shown = [...listed.matchAll(/^Slot (\d+) \((0x[0-9a-f]+)\)/gmu)].map(([, place, slot]) => [Number(place), Number(slot)]);
    expect([[0, 0x777], ...all.map(({ index, slotId }) => [index, slotId])]).toEqual(shown);
    const { index } = all.find(({ label }) => label === soft.label)!;
    expect((await open({ by: 'slot-index', index }, {}, { module })).description.label).toBe(soft.label);
    await expect(open({ by: 'slot-index', index: 0 }, {}, { module })).rejects.toMatchObject({ code: 'TOKEN_NOT_FOUND' });
  });

  it.each<[string, TokenSelector, string, RegExp]>([
    [
      'a label that is only a beginning',
      { by: 'label', label: 'HSM' },
      'TOKEN_NOT_FOUND',
      /it has (?=.*'HSM ä' in slot 0x)(?=.*'HSM ä2' in slot 0x)/u,
    ],
    [
      'a label two tokens have',
      { by: 'label', label: 'twin' },
      'TOKEN_AMBIGUOUS',
      /slot 0x[0-9a-f]+ \(serial [0-9a-f]{16}\) and slot 0x[0-9a-f]+ \(serial [0-9a-f]{16}\)/u,
    ],
    ['a slot that is not there', { by: 'slot', slotId: 12345 }, 'TOKEN_NOT_FOUND', /token in slot 12345/u],
    ["SoftHSM's spare slot", { by: 'slot-index', index: 4 }, 'TOKEN_NOT_FOUND', /is not initialised/u],
    ['a URI with another serial', { by: 'uri', uri: 'pkcs11:token=HSM%20%C3%A4;serial=0' }, 'TOKEN_NOT_FOUND', /serial=0/u],
    ['a URI of another module', { by: 'uri', uri: 'pkcs11:token=a?module-path=/x.so' }, 'CONFIG_INVALID', /another module/u],
    [
      'a URI with what we cannot compare',
      { by: 'uri', uri: 'pkcs11:library-description=x' },
      'CONFIG_INVALID',
      /'library-description', which is not compared/u,
    ],
    ['a URI with a PIN source', { by: 'uri', uri: 'pkcs11:token=a?pin-source=/x' }, 'CONFIG_INVALID', /pin-file/u],
  ])('is refused for %s', async (_, selector, code, message) => {
    await expect(open(selector)).rejects.toMatchObject(failure(code, message));
  });

  it('lists its mechanisms by name', async () => {
    expect(await (await open()).mechanisms()).toEqual(expect.arrayContaining(['CKM_SHA256_RSA_PKCS', 'CKM_RSA_PKCS', 'CKM_EDDSA']));
  });
});

describe('keys on the token', () => {
  it('are those pkcs11-tool shows, with their facts', async () => {
    const listed = await (await open()).keys();
    const ids = [...pkcs11Tool('--list-objects', '--type', 'privkey').matchAll(/ID:\s+([0-9a-f]+)/gu)].map(([, id]) => id).sort();
    expect(listed.map(({ id }) => Buffer.from(id).toString('hex')).sort()).toEqual(ids);
    const key = listed.find(({ label }) => label === 'key 3072')!;
    expect(key).toMatchObject({ type: 'RSA', size: 3072, sensitive: true, extractable: false, canSign: true });
    expect(Buffer.from(key.spki!)).toEqual(keys['3072']!.spki);
  });

  it('are found by public key, with or without the CKA_ID and whatever it is', async () => {
    const token = await open();
    for (const { spki, id } of Object.values(keys)) {
      for (const hint of [{}, { id }, { id: Buffer.from('wrong') }]) {
        expect(Buffer.from((await token.findKey({ by: 'public-key', spki, ...hint })).spki!)).toEqual(spki);
      }
    }
  });

  it('on an elliptic curve are found by the public key object beside them', async () => {
    const token = await open();
    const curve = await token.findKey({ by: 'label', label: 'curve' });
    expect(curve).toMatchObject({ type: 'EC', size: 256 });
    const file = path.join(directory.path, 'ec.der');
    pkcs11Tool('--read-object', '--type', 'pubkey', '--id', 'ec01', '--output-file', file);
    expect(Buffer.from(curve.spki!)).toEqual(
      createPublicKey({ key: readFileSync(file), format: 'der', type: 'spki' }).export({ type: 'spki', format: 'der' }),
    );
    expect((await token.findKey({ by: 'public-key', spki: curve.spki! })).label).toBe('curve');
  });

  it('are found by CKA_ID, by label and by URI', async () => {
    const token = await open();
    const { id, spki } = keys['2048']!;
    const percent = Array.from(id, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    for (const selector of [
      { by: 'id', id },
      { by: 'label', label: 'key 2048' },
      { by: 'uri', uri: `pkcs11:token=HSM%20%C3%A4;id=${percent};type=private` },
      { by: 'uri', uri: 'pkcs11:object=key%202048' },
    ] as const) {
      expect(Buffer.from((await token.findKey(selector)).spki!)).toEqual(spki);
    }
  });

  it('stored twice are one key: the object with the CKA_ID asked for, else the first', async () => {
    const file = path.join(directory.path, 'twice.pem');
    execFileSync('openssl', ['genrsa', '-out', file, '2048'], { stdio: 'ignore' });
    for (const id of ['a1', 'a2']) pkcs11Tool('--write-object', file, '--type', 'privkey', '--id', id);
    const spki = createPublicKey(readFileSync(file)).export({ type: 'spki', format: 'der' });
    const token = await open();
    expect(Buffer.from((await token.findKey({ by: 'public-key', spki, id: Buffer.from('a2', 'hex') })).id).toString('hex')).toBe('a2');
    for (const hint of [{}, { id: Buffer.from('wrong') }]) {
      const key = await token.findKey({ by: 'public-key', spki, ...hint });
      expect(
        verify('sha256', Buffer.from('data'), createPublicKey(readFileSync(file)), await token.sign(key, sha256, Buffer.from('data'))),
      ).toBe(true);
    }
  });

  it('are refused when there is none, or more than one', async () => {
    const token = await open();
    await expect(token.findKey({ by: 'id', id: Buffer.from('foreign') })).rejects.toMatchObject(
      failure('KEY_AMBIGUOUS', /more than one private key with CKA_ID 666f7265/u),
    );
    await expect(token.findKey({ by: 'label', label: 'none' })).rejects.toMatchObject(failure('KEY_NOT_FOUND', /'none' on token 'HSM ä'/u));
    await expect(token.findKey({ by: 'uri', uri: 'pkcs11:token=other;object=curve' })).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    // RFC 7512 §2.5: all of it must match, and nobody asks the slot for that.
    const elsewhere = 'pkcs11:object=curve;slot-description=Slot%20B';
    for (const selector of [{ by: 'uri', uri: elsewhere } as const, { by: 'name', name: elsewhere } as const])
      await expect(token.findKey(selector)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(
      token.findKey({ by: 'public-key', spki: certificate.publicKey.export({ type: 'spki', format: 'der' }) }),
    ).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    await expect(token.findKey({ by: 'public-key', spki: Buffer.from('junk') })).rejects.toMatchObject({ code: 'KEY_UNUSABLE' });
  });
});

describe('signatures', () => {
  it.each([
    ['2048', 'sha256'],
    ['3072', 'sha384'],
    ['4096', 'sha512'],
    ['2048', 'sha512'],
  ] as const)('by a %s-bit key with %s verify', async (bits, digest) => {
    const token = await open();
    const data = Buffer.from(`to be signed with ${digest}`);
    const { spki } = keys[bits]!;
    const signature = await token.sign(await token.findKey({ by: 'public-key', spki }), { scheme: 'rsa-pkcs1', digest }, data);
    expect(signature).toHaveLength(Number(bits) / 8);
    expect(verify(digest, data, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature)).toBe(true);
  });

  it('asked for all at once, through two sessions, all verify', async () => {
    const tokens = [await open(), await open()];
    const { spki } = keys['2048']!;
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    const found = await Promise.all(tokens.map((token) => token.findKey({ by: 'public-key', spki })));
    const good = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const data = Buffer.from(`message ${String(n)}`);
        return verify('sha256', data, publicKey, await tokens[n % 2]!.sign(found[n % 2]!, sha256, data));
      }),
    );
    expect(good).toEqual(Array(40).fill(true));
  });

  it('are made only with keys found through the same session', async () => {
    const key = await (await open()).findKey({ by: 'label', label: 'curve' });
    await expect((await open()).sign(key, sha256, Buffer.from('x'))).rejects.toMatchObject({ code: 'KEY_UNUSABLE' });
  });

  it('with RSA are refused for a key on a curve', async () => {
    const token = await open();
    await expect(token.sign(await token.findKey({ by: 'label', label: 'curve' }), sha256, Buffer.from('x'))).rejects.toMatchObject({
      code: 'KEY_UNUSABLE',
    });
  });
});

describe('certificates on the token', () => {
  it('are read without a PIN, all or by label', async () => {
    const token = await open(undefined, {}, { pin: { from: 'environment', variable: 'NOT_SET' } });
    expect(await token.certificates()).toHaveLength(3);
    const named = await token.certificates('caSigningCert cert-pki-ca');
    expect(named.map(({ der }) => Buffer.from(der)).sort((a, b) => a.compare(b))).toEqual(
      [certificate.raw, renewed.raw].sort((a, b) => a.compare(b)),
    );
    expect((await token.certificates()).filter(({ label }) => label === '')).toHaveLength(1);
    expect(await token.certificates('caSigningCert')).toEqual([]);
  });

  it('are not removed through a read-only session', async () => {
    await expect((await open()).destroyCertificates(certificate.raw)).rejects.toMatchObject({ code: 'TOKEN_READ_ONLY' });
  });

  it('are removed by value alone, every copy, and no key goes with them', async () => {
    // SoftHSM lists in no fixed order.
    const privateKeysThere = () => pkcs11Tool('--list-objects', '--type', 'privkey').split('\n').sort();
    const before = privateKeysThere();
    const token = await open(undefined, { access: 'write' });
    expect(await token.destroyCertificates(renewed.raw)).toBe(2);
    expect(await token.destroyCertificates(renewed.raw)).toBe(0);
    expect(pkcs11Tool('--list-objects', '--type', 'cert').match(/Certificate Object/gu)).toHaveLength(1);
    expect(privateKeysThere()).toEqual(before);
  });
});
