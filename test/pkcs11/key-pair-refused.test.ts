import pkcs11js from 'pkcs11js';
import { expect, it, vi } from 'vitest';
import type { Attribute, Cryptoki } from '../../src/pkcs11/cryptoki.js';
import { generateKeyPair } from '../../src/pkcs11/objects/key-pair.js';
import { storeCertificate } from '../../src/pkcs11/objects/store-certificate.js';
import { makeCertificate, makeKeys } from '../x509/material.js';
import { ckr, fakeCryptoki, handleOf } from './fake-cryptoki.js';

const token = {
  slotId: 7,
  label: 'HSM',
  manufacturer: 'Maker',
  model: 'M1',
  serial: '0001',
  loginRequired: true,
  initialized: true,
  writeProtected: false,
  pin: 'fine',
} as const;
const [slot, session, publicKey, privateKey] = [7, 1, 2, 3].map(handleOf) as [Buffer, Buffer, Buffer, Buffer];
const yes = Buffer.of(1);
const no = Buffer.of(0);
const ulong = (value: number) => handleOf(value);

const asked: ReadonlyMap<number, Buffer> = new Map([
  [pkcs11js.CKA_KEY_TYPE, ulong(pkcs11js.CKK_RSA)],
  [pkcs11js.CKA_ID, Buffer.of(9)],
  [pkcs11js.CKA_LABEL, Buffer.from('key')],
  [pkcs11js.CKA_TOKEN, yes],
  [pkcs11js.CKA_PRIVATE, yes],
  [pkcs11js.CKA_SENSITIVE, yes],
  [pkcs11js.CKA_EXTRACTABLE, no],
  [pkcs11js.CKA_ALWAYS_SENSITIVE, yes],
  [pkcs11js.CKA_NEVER_EXTRACTABLE, yes],
  [pkcs11js.CKA_SIGN, yes],
]);

/** A module that makes keys with these attributes, whatever it was asked for. */
function making(
  different: ReadonlyMap<number, Buffer | undefined>,
  more: Partial<Cryptoki> = {},
): { readonly cryptoki: Cryptoki; readonly destroyed: ReturnType<typeof vi.fn> } {
  const destroyed = vi.fn();
  const cryptoki = fakeCryptoki({
    C_GetMechanismList: () => [pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN],
    C_GenerateKeyPairAsync: () => Promise.resolve({ publicKey, privateKey }),
    C_GetAttributeValue: (_session, _object, template: Attribute[]) => {
      const { type } = template[0]!;
      const value = different.has(type) ? different.get(type) : asked.get(type);
      if (value === undefined) throw ckr('CKR_ATTRIBUTE_TYPE_INVALID', 0x12);
      return [{ type, value }];
    },
    C_DestroyObject: destroyed,
    ...more,
  });
  return { cryptoki, destroyed };
}

const order = { type: { kind: 'RSA', bits: 2048 }, label: 'key', id: Buffer.of(9) } as const;

it.each<[string, number, Buffer | undefined, RegExp]>([
  ['can be read', pkcs11js.CKA_SENSITIVE, no, /CKA_SENSITIVE is not true/u],
  ['can be taken away', pkcs11js.CKA_EXTRACTABLE, yes, /CKA_EXTRACTABLE is not false/u],
  ['does not say whether it can be taken away', pkcs11js.CKA_EXTRACTABLE, undefined, /CKA_EXTRACTABLE is not false/u],
  ['could once be taken away', pkcs11js.CKA_NEVER_EXTRACTABLE, no, /CKA_NEVER_EXTRACTABLE is false/u],
  ['could once be read', pkcs11js.CKA_ALWAYS_SENSITIVE, no, /CKA_ALWAYS_SENSITIVE is false/u],
  ['is gone with the session', pkcs11js.CKA_TOKEN, no, /CKA_TOKEN is not true/u],
  ['anybody sees', pkcs11js.CKA_PRIVATE, no, /CKA_PRIVATE is not true/u],
  ['does not sign', pkcs11js.CKA_SIGN, no, /CKA_SIGN is not true/u],
])('a key that %s is refused loudly, and destroyed by nobody', async (_, attribute, value, message) => {
  const { cryptoki, destroyed } = making(new Map([[attribute, value]]));
  await expect(generateKeyPair({ cryptoki, session, token }, slot, order)).rejects.toMatchObject({
    code: 'KEY_UNUSABLE',
    message: expect.stringMatching(message) as string,
  });
  expect(destroyed).not.toHaveBeenCalled();
});

it('a token that keeps no memory of how a key was protected is believed as far as it says', async () => {
  const { cryptoki } = making(
    new Map([
      [pkcs11js.CKA_ALWAYS_SENSITIVE, undefined],
      [pkcs11js.CKA_NEVER_EXTRACTABLE, undefined],
    ]),
  );
  expect((await generateKeyPair({ cryptoki, session, token }, slot, order)).key).toMatchObject({
    label: 'key',
    sensitive: true,
    extractable: false,
  });
});

it('a token that makes no such keys says so by its list', async () => {
  const { cryptoki } = making(new Map(), { C_GetMechanismList: () => [] });
  await expect(generateKeyPair({ cryptoki, session, token }, slot, order)).rejects.toMatchObject({
    code: 'MECHANISM_UNSUPPORTED',
    message: expect.stringContaining('CKM_RSA_PKCS_KEY_PAIR_GEN') as string,
  });
});

it.each([
  [
    'larger',
    'rsa:2048',
    { flags: 0, minKeySize: 3072, maxKeySize: 4096 },
    { kind: 'RSA', bits: 2048 },
    /RSA keys of 3072 to 4096 bits, and none of 2048/u,
  ],
  [
    'smaller',
    'P-521',
    { flags: 0, minKeySize: 256, maxKeySize: 384 },
    { kind: 'EC', curve: 'P-521' },
    /EC keys of 256 to 384 bits, and none of 521/u,
  ],
] as const)('a token that makes only %s keys is not asked for %s', async (_, __, info, type, message) => {
  const made = vi.fn<Cryptoki['C_GenerateKeyPairAsync']>();
  const { cryptoki } = making(new Map(), {
    C_GetMechanismList: () => [pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN, pkcs11js.CKM_EC_KEY_PAIR_GEN],
    C_GetMechanismInfo: () => info,
    C_GenerateKeyPairAsync: made,
  });
  await expect(generateKeyPair({ cryptoki, session, token }, slot, { ...order, type })).rejects.toMatchObject({
    code: 'MECHANISM_UNSUPPORTED',
    message: expect.stringMatching(message) as string,
  });
  expect(made).not.toHaveBeenCalled();
});

it.each([
  ['no limit', 0, 0],
  ['octets', 128, 512],
])('sizes that are %s keep nobody from asking', async (_, minKeySize, maxKeySize) => {
  const { cryptoki } = making(new Map(), { C_GetMechanismInfo: () => ({ flags: 0, minKeySize, maxKeySize }) });
  expect((await generateKeyPair({ cryptoki, session, token }, slot, order)).key.label).toBe('key');
});

it.each<[string, string, RegExp, number?]>([
  ['CKR_MECHANISM_INVALID', 'MECHANISM_UNSUPPORTED', /CKR_MECHANISM_INVALID.*another key type/u],
  ['CKR_KEY_SIZE_RANGE', 'MECHANISM_UNSUPPORTED', /CKR_KEY_SIZE_RANGE.*another key type/u],
  ['CKR_DOMAIN_PARAMS_INVALID', 'MECHANISM_UNSUPPORTED', /CKR_DOMAIN_PARAMS_INVALID.*another key type/u],
  // So pkcs11js says CKR_CURVE_NOT_SUPPORTED.
  ['CKR_VENDOR_DEFINED', 'MECHANISM_UNSUPPORTED', /CKR_CURVE_NOT_SUPPORTED.*another key type/u, 0x140],
  ['CKR_TEMPLATE_INCONSISTENT', 'TOKEN_FAILED', /CKR_TEMPLATE_INCONSISTENT.*makes no key with the attributes/u],
  ['CKR_ATTRIBUTE_READ_ONLY', 'TOKEN_FAILED', /CKR_ATTRIBUTE_READ_ONLY.*makes no key with the attributes/u],
  ['CKR_DEVICE_MEMORY', 'TOKEN_FAILED', /CKR_DEVICE_MEMORY.*out of memory/u],
])('%s in answer to a new key is told in words of keys', async (name, code, message, number) => {
  const { cryptoki } = making(new Map(), { C_GenerateKeyPairAsync: () => Promise.reject(ckr(name, number)) });
  await expect(generateKeyPair({ cryptoki, session, token }, slot, order)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message) as string,
  });
});

it('an Edwards curve is named as the token takes it: by object identifier, else by name', async () => {
  const forms: string[] = [];
  const { cryptoki } = making(new Map(), {
    C_GetMechanismList: () => [0x1055],
    // The wish that it never decrypts.
    C_SetAttributeValue: () => undefined,
    C_GenerateKeyPairAsync: (_session, _mechanism, template) => {
      forms.push((template.find(({ type }) => type === pkcs11js.CKA_EC_PARAMS)!.value as Buffer).toString('hex'));
      return forms.length === 1 ? Promise.reject(ckr('CKR_ATTRIBUTE_VALUE_INVALID', 0x13)) : Promise.resolve({ publicKey, privateKey });
    },
  });
  await generateKeyPair({ cryptoki, session, token }, slot, { ...order, type: { kind: 'Ed25519' } });
  expect(forms).toEqual(['06032b6570', '130c656477617264733235353139']);
});

it('an answer to a new certificate object is told in words of storing', async () => {
  const { cryptoki } = making(new Map(), {
    C_CreateObject: () => {
      throw ckr('CKR_TEMPLATE_INCONSISTENT', 0xd1);
    },
  });
  const { der } = await makeCertificate({ keys: await makeKeys() });
  expect(() => storeCertificate({ cryptoki, session, token }, der, { label: 'one', id: Buffer.of(9) })).toThrow(
    /^Storing a certificate on token 'HSM' failed with CKR_TEMPLATE_INCONSISTENT: the module stores no object/u,
  );
});
