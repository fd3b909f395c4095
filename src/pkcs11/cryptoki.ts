import { endianness } from 'node:os';

/** CK_ULONG as the module sees it: slot ids, session and object handles. Compared by bytes, never by identity. */
export type Handle = Buffer;

export interface Attribute {
  readonly type: number;
  readonly value?: number | boolean | string | Buffer;
}

/**
 * The PKCS#11 calls we make, with pkcs11js's signatures: its object is one of these. Nothing else in the project talks to a
 * module, so a test can show the failures no software token can.
 */
export interface Cryptoki {
  C_GetSlotList(tokenPresent: boolean): Handle[];
  C_GetTokenInfo(slot: Handle): RawTokenInfo;
  C_GetMechanismList(slot: Handle): number[];
  C_GetMechanismInfo(
    slot: Handle,
    mechanism: number,
  ): { readonly flags: number; readonly minKeySize?: number; readonly maxKeySize?: number };
  C_InitToken(slot: Handle, pin: string, label: string): unknown;
  C_InitPIN(session: Handle, pin: string): void;
  C_Logout(session: Handle): void;
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_CloseSession(session: Handle): void;
  C_GetSessionInfo(session: Handle): { readonly state: number };
  C_Login(session: Handle, userType: number, pin: string): void;
  C_SetPIN(session: Handle, oldPin: string, newPin: string): void;
  C_FindObjectsInit(session: Handle, template: Attribute[]): void;
  C_FindObjects(session: Handle, maxObjectCount: number): Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_GetAttributeValue(session: Handle, object: Handle, template: Attribute[]): { readonly type: number; readonly value?: unknown }[];
  C_SignInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_SignAsync(session: Handle, data: Buffer, signature: Buffer): Promise<Buffer>;
  C_GenerateKeyPairAsync(
    session: Handle,
    mechanism: Mechanism,
    publicTemplate: Attribute[],
    privateTemplate: Attribute[],
  ): Promise<{ readonly publicKey: Handle; readonly privateKey: Handle }>;
  C_CreateObject(session: Handle, template: Attribute[]): Handle;
  C_SetAttributeValue(session: Handle, object: Handle, template: Attribute[]): void;
  C_DestroyObject(session: Handle, object: Handle): void;
}

/** CK_MECHANISM, its parameter as pkcs11js builds it. */
export interface Mechanism {
  readonly mechanism: number;
  readonly parameter?: Buffer | PssParameter;
}

/** CK_RSA_PKCS_PSS_PARAMS (PKCS#11 2.40 §2.1.9). */
export interface PssParameter {
  /** CK_PARAMS_RSA_PSS. */
  readonly type: number;
  readonly hashAlg: number;
  readonly mgf: number;
  /** Octets. */
  readonly saltLen: number;
}

/** CK_TOKEN_INFO, strings still padded. */
export interface RawTokenInfo {
  readonly label: string;
  readonly manufacturerID: string;
  readonly model: string;
  readonly serialNumber: string;
  readonly flags: number;
  /** Octets. */
  readonly minPinLen?: number;
  readonly maxPinLen?: number;
}

/** PKCS#11 2.40 §3.4: the states in which the normal user is logged in, not named by pkcs11js. */
export const userStates: readonly number[] = [1 /* CKS_RO_USER_FUNCTIONS */, 3 /* CKS_RW_USER_FUNCTIONS */];

/** PKCS#11 3.0 names that pkcs11js, which is 2.40, lacks. */
export const CKK_EC_EDWARDS = 0x40;
export const CKM_EC_EDWARDS_KEY_PAIR_GEN = 0x1055;
export const CKM_EDDSA = 0x1057;

/** A CK_ULONG in the machine's byte order and width, as a number. */
export function ulong(bytes: Uint8Array): number {
  const bigEndian = endianness() === 'LE' ? Buffer.from(bytes).reverse() : Buffer.from(bytes);
  return bigEndian.length === 0 ? 0 : Number(BigInt(`0x${bigEndian.toString('hex')}`));
}
