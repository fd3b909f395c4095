import pkcs11js from 'pkcs11js';
import type { Cryptoki } from '../../src/pkcs11/cryptoki.js';
import type { PinFailure, PinGuard } from '../../src/pkcs11/token.js';

/** A failure as pkcs11js throws it. */
export function ckr(name: string, code = 0x30): Error {
  return Object.assign(new Error(name), { code });
}

export const handleOf = (value: number): Buffer => {
  const handle = Buffer.alloc(8);
  handle.writeUInt32LE(value);
  return handle;
};

const unexpected = (name: string) => () => {
  throw new Error(`The fake has no ${name}.`);
};

/** A logged-out token in slot 7 that lists nothing; each test fills in the functions whose failure it shows. */
export function fakeCryptoki(functions: Partial<Cryptoki>, flags = 0): Cryptoki {
  const always = pkcs11js.CKF_LOGIN_REQUIRED | pkcs11js.CKF_TOKEN_INITIALIZED;
  return {
    C_GetSlotList: () => [handleOf(7)],
    C_GetTokenInfo: () => ({
      label: 'HSM'.padEnd(32),
      manufacturerID: 'Maker'.padEnd(32),
      model: 'M1'.padEnd(16),
      serialNumber: '0001'.padEnd(16),
      flags: always | flags,
    }),
    C_GetMechanismList: () => [],
    C_GetMechanismInfo: () => ({ flags: pkcs11js.CKF_SIGN }),
    C_InitToken: unexpected('C_InitToken'),
    C_InitPIN: unexpected('C_InitPIN'),
    C_Logout: () => undefined,
    C_OpenSession: () => handleOf(1),
    C_CloseSession: () => undefined,
    C_GetSessionInfo: () => ({ state: 0 }),
    C_Login: () => undefined,
    C_SetPIN: unexpected('C_SetPIN'),
    C_FindObjectsInit: () => undefined,
    C_FindObjects: () => [],
    C_FindObjectsFinal: () => undefined,
    C_GetAttributeValue: unexpected('C_GetAttributeValue'),
    C_SignInit: unexpected('C_SignInit'),
    C_SignAsync: unexpected('C_SignAsync'),
    C_GenerateKeyPairAsync: unexpected('C_GenerateKeyPairAsync'),
    C_CreateObject: unexpected('C_CreateObject'),
    C_SetAttributeValue: unexpected('C_SetAttributeValue'),
    C_DestroyObject: unexpected('C_DestroyObject'),
    ...functions,
  };
}

/** One RSA private key with CKA_ID 01, modulus of 2048 bits. */
export function keyFunctions(
  more: { readonly alwaysAuthenticate?: boolean } = {},
): Pick<Cryptoki, 'C_FindObjectsInit' | 'C_FindObjects' | 'C_GetAttributeValue'> {
  const modulus = Buffer.alloc(256, 0xc1);
  const values = new Map<number, Buffer>([
    [pkcs11js.CKA_ID, Buffer.from([1])],
    [pkcs11js.CKA_KEY_TYPE, handleOf(pkcs11js.CKK_RSA)],
    [pkcs11js.CKA_MODULUS, modulus],
    [pkcs11js.CKA_PUBLIC_EXPONENT, Buffer.from([1, 0, 1])],
    [pkcs11js.CKA_SIGN, Buffer.from([1])],
    [pkcs11js.CKA_ALWAYS_AUTHENTICATE, Buffer.from([more.alwaysAuthenticate === true ? 1 : 0])],
  ]);
  let batches = [[handleOf(9)]];
  return {
    C_FindObjectsInit: () => {
      batches = [[handleOf(9)]];
    },
    C_FindObjects: () => batches.pop() ?? [],
    C_GetAttributeValue: (_, __, template) =>
      template.map(({ type }) => {
        const value = values.get(type);
        if (value === undefined) throw ckr('CKR_ATTRIBUTE_TYPE_INVALID');
        return { type, value };
      }),
  };
}

/** A pin guard in memory: its rows can be looked at, and preset. */
export function guardInMemory(rows = new Map<string, PinFailure>()): PinGuard & { readonly rows: Map<string, PinFailure> } {
  const at = new Date('2026-01-02T03:04:05Z');
  let last: Promise<unknown> = Promise.resolve();
  return {
    rows,
    exclusively: (_, attempt) => {
      const next = last.then(() =>
        attempt({
          failureOf: (source) => rows.get(source),
          trying: (source) => rows.set(source, { source, at, outcome: 'unknown', attempts: (rows.get(source)?.attempts ?? 0) + 1 }),
          failed: (source) => rows.set(source, { source, at, outcome: 'failed', attempts: rows.get(source)?.attempts ?? 1 }),
          succeeded: (source) => rows.delete(source),
          notJudged: (source) => {
            const row = rows.get(source);
            if (row === undefined || row.attempts < 2) rows.delete(source);
            else rows.set(source, { ...row, attempts: row.attempts - 1 });
          },
        }),
      );
      last = next.catch(() => undefined);
      return next;
    },
    tag: (secret) => Buffer.from(secret).toString('hex'),
  };
}
