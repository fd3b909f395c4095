import pkcs11js from 'pkcs11js';
import { withSession, type TokenSession } from '../token-objects.js';
import type { ModuleRig } from './rig.js';

/** A key of a kind the suite tries on every module. */
export type RawKeyType = 'rsa:2048' | 'rsa:3072' | 'P-256' | 'P-384' | 'P-521' | 'Ed25519';

const CKM_EC_EDWARDS_KEY_PAIR_GEN = 0x1055;

/** PKCS#11 2.40 §2.3.3, RFC 5480 §2.1.1.1, RFC 8410 §3. */
const curves = { 'P-256': '06082a8648ce3d030107', 'P-384': '06052b81040022', 'P-521': '06052b81040023', Ed25519: '06032b6570' } as const;

/**
 * Makes keys with nothing of our own in between; the label is the kind's name. What the module refuses is thrown. A session each: a bare
 * TPM holds three objects at a time.
 */
export async function makeKeys(rig: ModuleRig, types: readonly RawKeyType[]): Promise<void> {
  const { module, environment, parameters } = rig.token;
  for (const type of types) {
    await withSession(
      { label: rig.label, module, pin: rig.pin, environment, ...(parameters === undefined ? {} : { parameters }) },
      (session) => {
        makeKey(session, type);
      },
    );
  }
}

function makeKey({ pkcs11, handle }: TokenSession, type: RawKeyType): void {
  const [mechanism, kind] = how(type);
  const common = [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_LABEL, value: type },
    { type: pkcs11js.CKA_ID, value: Buffer.from(`id of ${type}`) },
  ];
  pkcs11.C_GenerateKeyPair(
    handle,
    { mechanism },
    [...common, ...kind, { type: pkcs11js.CKA_VERIFY, value: true }],
    [
      ...common,
      { type: pkcs11js.CKA_PRIVATE, value: true },
      { type: pkcs11js.CKA_SENSITIVE, value: true },
      { type: pkcs11js.CKA_EXTRACTABLE, value: false },
      { type: pkcs11js.CKA_SIGN, value: true },
    ],
  );
}

function how(type: RawKeyType): readonly [mechanism: number, kind: pkcs11js.Template] {
  switch (type) {
    case 'rsa:2048':
    case 'rsa:3072':
      return [
        pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN,
        [
          { type: pkcs11js.CKA_MODULUS_BITS, value: Number(type.slice(4)) },
          { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
        ],
      ];
    case 'P-256':
    case 'P-384':
    case 'P-521':
      return [pkcs11js.CKM_ECDSA_KEY_PAIR_GEN, [{ type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from(curves[type], 'hex') }]];
    case 'Ed25519':
      return [CKM_EC_EDWARDS_KEY_PAIR_GEN, [{ type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from(curves[type], 'hex') }]];
  }
}
