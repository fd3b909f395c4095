import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HsmongerError } from '../../src/errors.js';
import { provingSignature } from '../../src/issuer/proving-signature.js';
import { openToken } from '../../src/pkcs11/open-token.js';
import type { Token, TokenKey } from '../../src/pkcs11/token.js';
import { proveKeys } from '../../src/service/tasks/token/check-keys.js';
import { fakeToken } from '../issuer/fake-token.js';
import { guardInMemory } from '../pkcs11/fake-cryptoki.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createSoftToken } from '../rig/soft-token.js';
import { makeKeys } from '../x509/material.js';

let directory: PrivateDirectory;
let token: Token;

const types = {
  RSA: 'rsa:2048',
  'P-256': 'EC:secp256r1',
  'P-384': 'EC:secp384r1',
  'P-521': 'EC:secp521r1',
  Ed25519: 'EC:edwards25519',
  'K-256': 'EC:secp256k1',
};

beforeAll(async () => {
  directory = privateDirectory();
  const soft = await createSoftToken({ directory: directory.path });
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
  token = await openToken(
    {
      selector: { by: 'label', label: soft.label },
      module: soft.module,
      environment: soft.environment,
      pin: { from: 'file', path: soft.pinFile },
    },
    { pins: guardInMemory() },
  );
}, 120_000);

afterAll(async () => {
  await token.close();
  directory.remove();
});

describe('the proof of every key on a real token', () => {
  it('is a verified signature with what fits its type, or a sentence', async () => {
    const checks = await proveKeys(token, await token.keys('protection'), 3);
    const told = Object.fromEntries(checks.map(({ key, ok, mechanism, problem }) => [key.label, { ok, mechanism, problem }]));
    expect(told).toEqual({
      RSA: { ok: true, mechanism: 'CKM_SHA256_RSA_PKCS' },
      'P-256': { ok: true, mechanism: 'CKM_ECDSA' },
      'P-384': { ok: true, mechanism: 'CKM_ECDSA' },
      'P-521': { ok: true, mechanism: 'CKM_ECDSA' },
      Ed25519: { ok: true, mechanism: 'CKM_EDDSA' },
      'K-256': { ok: false, mechanism: undefined, problem: expect.stringMatching(/public value|of this kind/u) as string },
    });
    for (const { ok, latencyMs, fastestMs } of checks.filter((check) => check.ok)) expect(ok && fastestMs! <= latencyMs!).toBe(true);
  });

  it('follows what the CA signs with', async () => {
    const rsa = await token.findKey({ by: 'label', label: 'RSA' });
    expect(await provingSignature(token, rsa, rsa.spki!, { digest: 'sha512', rsaSignature: 'pss' })).toMatchObject({
      verified: true,
      algorithm: { scheme: 'rsa-pss', digest: 'sha512' },
    });
    const curve = await token.findKey({ by: 'label', label: 'P-384' });
    expect(await provingSignature(token, curve, curve.spki!)).toMatchObject({
      verified: true,
      algorithm: { scheme: 'ecdsa', digest: 'sha384' },
    });
  });

  it('is not given by another key of the same type', async () => {
    const key = await token.findKey({ by: 'label', label: 'P-256' });
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });
    expect(await provingSignature(token, key, other)).toMatchObject({ verified: false });
  });
});

describe('the proof of a key that cannot give it', () => {
  const prove = async (change: Partial<TokenKey>, overrides: Partial<Token> = {}) => {
    const fake = fakeToken([], [await makeKeys()], overrides);
    const [key] = await fake.keys();
    const [check] = await proveKeys(fake, [{ ...key!, ...change }], 3);
    return { ...check!, signatures: fake.signatures() };
  };

  it.each<[string, Partial<TokenKey>, RegExp]>([
    ['is not allowed to sign', { canSign: false }, /CKA_SIGN is false/u],
    ['is of a kind nobody signs with', { type: 'other' }, /does not sign with a key of this kind/u],
  ])('is not asked for where it %s', async (_, change, problem) => {
    expect(await prove(change)).toMatchObject({ ok: false, problem: expect.stringMatching(problem) as string, signatures: 0 });
  });

  it('ends with the first signature that does not verify', async () => {
    expect(await prove({}, { sign: () => Promise.resolve(Uint8Array.of(1)) })).toMatchObject({
      ok: false,
      problem: expect.stringContaining('does not verify') as string,
      latencyMs: expect.any(Number) as number,
    });
  });

  it("is a sentence where the token fails, but a PIN's failure is everybody's", async () => {
    const failing = (code: 'TOKEN_FAILED' | 'PIN_LOCKED') => ({ sign: () => Promise.reject(new HsmongerError(code, 'It failed.')) });
    expect(await prove({}, failing('TOKEN_FAILED'))).toMatchObject({ ok: false, problem: 'It failed.' });
    await expect(prove({}, failing('PIN_LOCKED'))).rejects.toMatchObject({ code: 'PIN_LOCKED' });
  });
});
