import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import pkcs11js from 'pkcs11js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignatureAlgorithm } from '../../src/config/signature-algorithm.js';
import { CKM_EDDSA, type Cryptoki } from '../../src/pkcs11/cryptoki.js';
import { mechanismNames } from '../../src/pkcs11/signing/mechanism-names.js';
import { openModule, type OpenModule } from '../../src/pkcs11/module/module.js';
import { openSession } from '../../src/pkcs11/session.js';
import { findToken, tokensOf } from '../../src/pkcs11/slots.js';
import type { Token } from '../../src/pkcs11/token.js';
import { algorithmIdentifier } from '../../src/x509/signature-algorithm.js';
import { verifySignature } from '../../src/x509/signature.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { guardInMemory } from './fake-cryptoki.js';
import { over } from './over-cryptoki.js';

let directory: PrivateDirectory;
let soft: SoftToken;
let module: OpenModule;
const opened: Token[] = [];

beforeAll(async () => {
  directory = privateDirectory();
  soft = await createSoftToken({ directory: directory.path });
  // Before the module is initialised here: SoftHSM sees what was there then.
  for (const [label, type] of Object.entries(types))
    execFileSync(
      'pkcs11-tool',
      [
        '--module',
        soft.module,
        '--token-label',
        soft.label,
        '--login',
        '--pin',
        soft.pin,
        '--keypairgen',
        '--key-type',
        type,
        '--label',
        label,
        '--id',
        Buffer.from(label).toString('hex'),
      ],
      { env: { ...process.env, ...soft.environment }, stdio: 'ignore' },
    );
  execFileSync(
    'pkcs11-tool',
    [
      '--module',
      soft.module,
      '--token-label',
      soft.label,
      '--login',
      '--pin',
      soft.pin,
      '--keypairgen',
      '--key-type',
      'EC:secp256r1',
      '--label',
      'wary',
      '--id',
      'aa',
      '--always-auth',
    ],
    { env: { ...process.env, ...soft.environment }, stdio: 'ignore' },
  );
  module = openModule({ module: soft.module, environment: soft.environment });
}, 300_000);

afterAll(async () => {
  for (const token of opened) await token.close();
  module.release();
  directory.remove();
});

const types = {
  RSA: 'rsa:2048',
  'P-256': 'EC:secp256r1',
  'P-384': 'EC:secp384r1',
  'P-521': 'EC:secp521r1',
  Ed25519: 'EC:edwards25519',
} as const;
type Label = keyof typeof types;

/** The real token, with some of its answers changed. */
function open(overrides: (real: Cryptoki) => Partial<Cryptoki> = () => ({})): Token {
  const cryptoki = over(module.cryptoki, overrides(module.cryptoki));
  const found = findToken(tokensOf(cryptoki, soft.module), { by: 'label', label: soft.label }, soft.module);
  const means = {
    source: { from: 'file' as const, path: soft.pinFile },
    pins: guardInMemory(),
    force: false,
    anew: false,
    env: {},
    reader: { uid: process.getuid!(), gid: process.getgid!() },
    clock: () => new Date(),
  };
  const token = openSession({ cryptoki, found, module: module.file, access: 'read', means, release: () => undefined });
  opened.push(token);
  return token;
}

/** Only these of what the token lists. */
const listing =
  (...mechanisms: number[]) =>
  (real: Cryptoki): Partial<Cryptoki> => ({
    C_GetMechanismList: (slot) => real.C_GetMechanismList(slot).filter((one) => mechanisms.includes(one)),
  });

const digests = ['sha256', 'sha384', 'sha512'] as const;
const data = Buffer.from('what is to be signed');

/** OpenSSL's word. */
function opensslVerifies(spki: Uint8Array, algorithm: SignatureAlgorithm, signature: Uint8Array): boolean {
  const file = (name: string, content: Uint8Array | string) => {
    const where = path.join(directory.path, name);
    writeFileSync(where, content);
    return where;
  };
  const pem = file(
    'public.pem',
    createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).export({ type: 'spki', format: 'pem' }),
  );
  const [signed, text] = [file('signature', signature), file('text', data)];
  const pss =
    algorithm.scheme === 'rsa-pss'
      ? ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest', '-sigopt', `rsa_mgf1_md:${algorithm.digest}`]
      : [];
  const command =
    'digest' in algorithm
      ? ['dgst', `-${algorithm.digest}`, ...pss, '-verify', pem, '-signature', signed, text]
      : ['pkeyutl', '-verify', '-pubin', '-inkey', pem, '-rawin', '-in', text, '-sigfile', signed];
  try {
    return (
      execFileSync('openssl', command, { stdio: ['ignore', 'pipe', 'pipe'] })
        .toString()
        .includes('Verified') || command[0] === 'pkeyutl'
    );
  } catch {
    return false;
  }
}

async function expectSignature(token: Token, label: Label, algorithm: SignatureAlgorithm): Promise<void> {
  const key = await token.findKey({ by: 'label', label });
  const signature = await token.sign(key, algorithm, data);
  expect(verifySignature({ data, algorithm: algorithmIdentifier(algorithm), signature }, key.spki!)).toBe(true);
  expect(opensslVerifies(key.spki!, algorithm, signature)).toBe(true);
  const spoilt = Uint8Array.from(signature);
  spoilt[spoilt.length - 1]! ^= 1;
  expect(opensslVerifies(key.spki!, algorithm, spoilt)).toBe(false);
}

const every: [Label, SignatureAlgorithm][] = [
  ...digests.flatMap((digest): [Label, SignatureAlgorithm][] => [
    ['RSA', { scheme: 'rsa-pkcs1', digest }],
    ['RSA', { scheme: 'rsa-pss', digest }],
    ...(['P-256', 'P-384', 'P-521'] as const).map((curve): [Label, SignatureAlgorithm] => [curve, { scheme: 'ecdsa', digest }]),
  ]),
  ['Ed25519', { scheme: 'eddsa' }],
];

describe('signatures of every kind', () => {
  it.each(every)('by a key %s: %o', async (label, algorithm) => {
    await expectSignature(open(), label, algorithm);
  });

  const raw = listing(pkcs11js.CKM_RSA_PKCS, pkcs11js.CKM_RSA_PKCS_PSS, pkcs11js.CKM_ECDSA, CKM_EDDSA);
  it.each(every)('on a token that does not hash, by a key %s: %o', async (label, algorithm) => {
    const used: number[] = [];
    await expectSignature(
      open((real) => ({
        ...raw(real),
        C_SignInit: (session, mechanism, key) => {
          used.push(mechanism.mechanism);
          real.C_SignInit(session, mechanism, key);
        },
      })),
      label,
      algorithm,
    );
    expect(used).toEqual([
      { 'rsa-pkcs1': pkcs11js.CKM_RSA_PKCS, 'rsa-pss': pkcs11js.CKM_RSA_PKCS_PSS, ecdsa: pkcs11js.CKM_ECDSA, eddsa: CKM_EDDSA }[
        algorithm.scheme
      ],
    ]);
  });

  // 128 signatures: a number that begins with a set bit, and one that begins with zeros, come up for certain.
  it('by a curve are DER whatever their numbers are', async () => {
    const token = open();
    const key = await token.findKey({ by: 'label', label: 'P-521' });
    const algorithm = { scheme: 'ecdsa', digest: 'sha512' } as const;
    for (let n = 0; n < 128; n++) {
      const signature = await token.sign(key, algorithm, data);
      expect(verifySignature({ data, algorithm: algorithmIdentifier(algorithm), signature }, key.spki!)).toBe(true);
    }
  });
});

describe('a key that wants a login at each use (CKA_ALWAYS_AUTHENTICATE)', () => {
  it('gets one for each signature, through the PIN guard', async () => {
    const logins: number[] = [];
    const token = open((real) => ({
      C_Login: (session, type, pin) => {
        logins.push(type);
        real.C_Login(session, type, pin);
      },
    }));
    const key = await token.findKey({ by: 'label', label: 'wary' });
    logins.length = 0;
    const algorithm = { scheme: 'ecdsa', digest: 'sha256' } as const;
    for (let n = 0; n < 2; n++)
      expect(
        verifySignature({ data, algorithm: algorithmIdentifier(algorithm), signature: await token.sign(key, algorithm, data) }, key.spki!),
      ).toBe(true);
    expect(logins).toEqual([pkcs11js.CKU_CONTEXT_SPECIFIC, pkcs11js.CKU_CONTEXT_SPECIFIC]);
  });

  it('cannot be used without: the token itself refuses', async () => {
    const token = open(() => ({
      C_Login: (session, type, pin) => {
        if (type === pkcs11js.CKU_USER) module.cryptoki.C_Login(session, type, pin);
      },
    }));
    const key = await token.findKey({ by: 'label', label: 'wary' });
    await expect(token.sign(key, { scheme: 'ecdsa', digest: 'sha256' }, data)).rejects.toMatchObject({
      code: 'SESSION_LOST',
      message: expect.stringContaining('CKR_USER_NOT_LOGGED_IN') as string,
    });
  });
});

describe('signatures a token has no mechanism for', () => {
  const unsupported = (message: RegExp) => ({ code: 'MECHANISM_UNSUPPORTED', message: expect.stringMatching(message) as string });

  it.each(every)('are refused by name, by a key %s: %o', async (label, algorithm) => {
    const token = open(() => ({ C_GetMechanismList: () => [] }));
    await expect(token.sign(await token.findKey({ by: 'label', label }), algorithm, data)).rejects.toMatchObject(
      unsupported(new RegExp(`lists no ${mechanismNames(algorithm).join(' or ')} for signing; `, 'u')),
    );
  });

  it('are refused: we do not pad for raw RSA', async () => {
    const token = open(listing(pkcs11js.CKM_RSA_X_509));
    const key = await token.findKey({ by: 'label', label: 'RSA' });
    await expect(token.sign(key, { scheme: 'rsa-pss', digest: 'sha256' }, data)).rejects.toMatchObject(
      unsupported(/lists no CKM_SHA256_RSA_PKCS_PSS or CKM_RSA_PKCS_PSS for signing.*rsa-signature = "pkcs1"/u),
    );
    await expect(token.sign(key, { scheme: 'rsa-pkcs1', digest: 'sha256' }, data)).rejects.toMatchObject(
      unsupported(/CKM_SHA256_RSA_PKCS or CKM_RSA_PKCS/u),
    );
  });

  it('are refused for curves: no other digest would help', async () => {
    const token = open(listing(pkcs11js.CKM_RSA_PKCS));
    await expect(
      token.sign(await token.findKey({ by: 'label', label: 'P-256' }), { scheme: 'ecdsa', digest: 'sha256' }, data),
    ).rejects.toMatchObject(unsupported(/CKM_ECDSA_SHA256 or CKM_ECDSA /u));
    await expect(token.sign(await token.findKey({ by: 'label', label: 'Ed25519' }), { scheme: 'eddsa' }, data)).rejects.toMatchObject(
      unsupported(/CKM_EDDSA .*use RSA, P-256, P-384 or P-521/u),
    );
  });
});

describe('a key on a curve as other tokens show it', () => {
  /** The private key object shows no such attribute; the public one does. */
  const privateShows =
    (change: (type: number, value: Buffer) => Buffer | undefined) =>
    (real: Cryptoki): Partial<Cryptoki> => ({
      C_GetAttributeValue: (session, object, template) => {
        const answer = real.C_GetAttributeValue(session, object, template);
        return answer.map(({ type, value }) => {
          const changed = Buffer.isBuffer(value) ? change(type, value) : undefined;
          if (changed === undefined) throw Object.assign(new Error('CKR_ATTRIBUTE_TYPE_INVALID'), { code: 0x12 });
          return { type, value: changed };
        });
      },
    });

  it('without a point in the private key object is known by the public one beside it', async () => {
    // SoftHSM itself keeps no CKA_EC_POINT in a private key object.
    for (const label of ['P-256', 'P-384', 'P-521', 'Ed25519'] as const) {
      const key = await open().findKey({ by: 'label', label });
      expect(key).toMatchObject({
        type: label === 'Ed25519' ? 'Ed25519' : 'EC',
        size: { 'P-256': 256, 'P-384': 384, 'P-521': 521, Ed25519: 255 }[label],
      });
      expect((await open().findKey({ by: 'public-key', spki: key.spki! })).label).toBe(label);
    }
  });

  it('with no public value anywhere signs all the same, found by its CKA_ID', async () => {
    const { spki } = await open().findKey({ by: 'label', label: 'P-384' });
    const token = open(privateShows((type, value) => (type === pkcs11js.CKA_EC_POINT ? undefined : value)));
    const key = await token.findKey({ by: 'public-key', spki: spki!, id: Buffer.from('P-384') });
    expect(key.spki).toBeUndefined();
    const algorithm = { scheme: 'ecdsa', digest: 'sha384' } as const;
    expect(
      verifySignature({ data, algorithm: algorithmIdentifier(algorithm), signature: await token.sign(key, algorithm, data) }, spki!),
    ).toBe(true);
    await expect(token.findKey({ by: 'public-key', spki: spki! })).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
  });

  it.each([
    ['an object identifier', '06032b6570'],
    ['a PrintableString', '130c656477617264733235353139'],
  ])('is Ed25519 with its parameters as %s', async (_, parameters) => {
    const token = open(privateShows((type, value) => (type === pkcs11js.CKA_EC_PARAMS ? Buffer.from(parameters, 'hex') : value)));
    const key = await token.findKey({ by: 'label', label: 'Ed25519' });
    expect(key.type).toBe('Ed25519');
    expect(createPublicKey({ key: Buffer.from(key.spki!), format: 'der', type: 'spki' }).asymmetricKeyType).toBe('ed25519');
    const signature = await token.sign(key, { scheme: 'eddsa' }, data);
    expect(opensslVerifies(key.spki!, { scheme: 'eddsa' }, signature)).toBe(true);
  });

  it('shows its point bare or in an OCTET STRING', async () => {
    for (const label of ['P-256', 'P-521', 'Ed25519'] as const) {
      const { spki } = await open().findKey({ by: 'label', label });
      const bare = open(
        privateShows((type, value) => (type === pkcs11js.CKA_EC_POINT ? value.subarray(value[1] === 0x81 ? 3 : 2) : value)),
      );
      expect((await bare.findKey({ by: 'label', label })).spki).toEqual(spki);
    }
  });
});
