import { createHash, createPrivateKey } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as asn1 from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, SubjectPublicKeyInfo } from '@peculiar/asn1-x509';
import pkcs11js from 'pkcs11js';

/** What is needed to open a token; a SoftToken is one. */
export interface TokenAccess {
  readonly label: string;
  readonly module: string;
  readonly pin: string;
  readonly environment: Readonly<Record<string, string>>;
  /** For C_Initialize. */
  readonly parameters?: string;
}

/** A logged-in read-write session. */
export interface TokenSession {
  readonly pkcs11: pkcs11js.PKCS11;
  readonly handle: pkcs11js.Handle;
}

export interface GeneratedKey {
  /** CKA_ID. */
  readonly id: Buffer;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  readonly privateHandle: pkcs11js.Handle;
}

export interface TokenObject {
  readonly class: 'private' | 'public' | 'certificate' | 'other';
  readonly label: string;
  /** CKA_ID, hexadecimal. */
  readonly id: string;
  readonly handle: pkcs11js.Handle;
  /** CKA_VALUE of a certificate. */
  readonly der?: Buffer;
  /** DER SubjectPublicKeyInfo of an RSA key. */
  readonly spki?: Buffer;
}

export type Curve = 'P-256' | 'P-384' | 'P-521';

/** DER of the named curve (RFC 5480 §2.1.1.1). */
const curves: Readonly<Record<Curve, string>> = { 'P-256': '06082a8648ce3d030107', 'P-384': '06052b81040022', 'P-521': '06052b81040023' };

/**
 * Logs in to the token and runs `work`. C_Initialize is process-wide and object files belong to whoever makes them: run this in a
 * process of its own that has become the token's owner (worker.ts).
 */
export async function withSession<T>(token: TokenAccess, work: (session: TokenSession) => Promise<T> | T): Promise<T> {
  Object.assign(process.env, token.environment);
  const pkcs11 = new pkcs11js.PKCS11();
  pkcs11.load(token.module);
  // p11-kit's client refuses to start without the flag; of the parameters pkcs11js cuts off the last character.
  const initialise = () => {
    pkcs11.C_Initialize({
      flags: pkcs11js.CKF_OS_LOCKING_OK,
      ...(token.parameters === undefined ? {} : { libraryParameters: `${token.parameters} ` }),
    });
  };
  const find = () => pkcs11.C_GetSlotList(true).find((each) => pkcs11.C_GetTokenInfo(each).label.trim() === token.label);
  initialise();
  try {
    let slot = find();
    // SoftHSM rewrites the token's file at every login of anybody's; who looks at that moment sees no token, and looks again.
    for (let left = 10; slot === undefined && left > 0; left--) {
      await sleep(100);
      pkcs11.C_Finalize();
      initialise();
      slot = find();
    }
    if (slot === undefined) throw new Error(`No token '${token.label}' in ${token.module}.`);
    const handle = pkcs11.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
    pkcs11.C_Login(handle, pkcs11js.CKU_USER, token.pin);
    return await work({ pkcs11, handle });
  } finally {
    pkcs11.C_Finalize();
  }
}

/** An RSA key pair as NSS makes it: on the token, sensitive, not extractable, CKA_ID = SHA-1 of the modulus unless `id` is given. */
export function generateRsaKey(
  { pkcs11, handle }: TokenSession,
  options: { readonly bits: number; readonly label?: string; readonly id?: Uint8Array },
): GeneratedKey {
  const named = options.label === undefined ? [] : [{ type: pkcs11js.CKA_LABEL, value: options.label }];
  const { publicKey, privateKey } = pkcs11.C_GenerateKeyPair(
    handle,
    { mechanism: pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN },
    [
      { type: pkcs11js.CKA_TOKEN, value: true },
      { type: pkcs11js.CKA_MODULUS_BITS, value: options.bits },
      { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
      { type: pkcs11js.CKA_VERIFY, value: true },
      { type: pkcs11js.CKA_ENCRYPT, value: true },
      ...named,
    ],
    [
      { type: pkcs11js.CKA_TOKEN, value: true },
      { type: pkcs11js.CKA_PRIVATE, value: true },
      { type: pkcs11js.CKA_SENSITIVE, value: true },
      { type: pkcs11js.CKA_EXTRACTABLE, value: false },
      { type: pkcs11js.CKA_SIGN, value: true },
      { type: pkcs11js.CKA_DECRYPT, value: true },
      ...named,
    ],
  );
  const modulus = attribute(pkcs11, handle, publicKey, pkcs11js.CKA_MODULUS);
  const id = Buffer.from(options.id ?? createHash('sha1').update(modulus).digest());
  for (const key of [publicKey, privateKey]) pkcs11.C_SetAttributeValue(handle, key, [{ type: pkcs11js.CKA_ID, value: id }]);
  return { id, spki: rsaSpki(modulus, Buffer.from([1, 0, 1])), privateHandle: privateKey };
}

/** An EC key pair as NSS makes it: CKA_ID = SHA-1 of the uncompressed point. */
export function generateEcKey(
  { pkcs11, handle }: TokenSession,
  options: { readonly curve: Curve; readonly label: string; readonly id?: Uint8Array },
): GeneratedKey {
  const parameters = Buffer.from(curves[options.curve], 'hex');
  const common = [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_LABEL, value: options.label },
  ];
  const { publicKey, privateKey } = pkcs11.C_GenerateKeyPair(
    handle,
    { mechanism: pkcs11js.CKM_EC_KEY_PAIR_GEN },
    [...common, { type: pkcs11js.CKA_EC_PARAMS, value: parameters }, { type: pkcs11js.CKA_VERIFY, value: true }],
    [
      ...common,
      { type: pkcs11js.CKA_PRIVATE, value: true },
      { type: pkcs11js.CKA_SENSITIVE, value: true },
      { type: pkcs11js.CKA_EXTRACTABLE, value: false },
      { type: pkcs11js.CKA_SIGN, value: true },
    ],
  );
  const wrapped = attribute(pkcs11, handle, publicKey, pkcs11js.CKA_EC_POINT);
  const point = Buffer.from(asn1.AsnConvert.parse(wrapped, asn1.OctetString).buffer);
  const id = Buffer.from(options.id ?? createHash('sha1').update(point).digest());
  for (const key of [publicKey, privateKey]) pkcs11.C_SetAttributeValue(handle, key, [{ type: pkcs11js.CKA_ID, value: id }]);
  const algorithm = new AlgorithmIdentifier({ algorithm: '1.2.840.10045.2.1', parameters: new Uint8Array(parameters).buffer });
  const spki = Buffer.from(
    asn1.AsnConvert.serialize(new SubjectPublicKeyInfo({ algorithm, subjectPublicKey: new Uint8Array(point).buffer })),
  );
  return { id, spki, privateHandle: privateKey };
}

/** The same with a key that was made outside, PKCS#8 PEM: what a server without an HSM has as well. */
export function importRsaKey({ pkcs11, handle }: TokenSession, pem: string, label: string): GeneratedKey {
  const jwk = createPrivateKey(pem).export({ format: 'jwk' });
  const part = (name: 'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi') => Buffer.from(jwk[name] ?? '', 'base64url');
  const id = createHash('sha1').update(part('n')).digest();
  const common = [
    { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_RSA },
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_ID, value: id },
    { type: pkcs11js.CKA_LABEL, value: label },
    { type: pkcs11js.CKA_MODULUS, value: part('n') },
    { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: part('e') },
  ];
  pkcs11.C_CreateObject(handle, [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PUBLIC_KEY },
    ...common,
    { type: pkcs11js.CKA_VERIFY, value: true },
    { type: pkcs11js.CKA_ENCRYPT, value: true },
  ]);
  const privateHandle = pkcs11.C_CreateObject(handle, [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
    ...common,
    { type: pkcs11js.CKA_PRIVATE, value: true },
    { type: pkcs11js.CKA_SENSITIVE, value: true },
    { type: pkcs11js.CKA_EXTRACTABLE, value: false },
    { type: pkcs11js.CKA_SIGN, value: true },
    { type: pkcs11js.CKA_DECRYPT, value: true },
    { type: pkcs11js.CKA_PRIVATE_EXPONENT, value: part('d') },
    { type: pkcs11js.CKA_PRIME_1, value: part('p') },
    { type: pkcs11js.CKA_PRIME_2, value: part('q') },
    { type: pkcs11js.CKA_EXPONENT_1, value: part('dp') },
    { type: pkcs11js.CKA_EXPONENT_2, value: part('dq') },
    { type: pkcs11js.CKA_COEFFICIENT, value: part('qi') },
  ]);
  return { id, spki: rsaSpki(part('n'), part('e')), privateHandle };
}

/** A certificate object; without a label it has no CKA_LABEL at all. */
export function storeCertificate(
  { pkcs11, handle }: TokenSession,
  certificate: {
    readonly der: Uint8Array;
    readonly subject: Uint8Array;
    readonly issuer: Uint8Array;
    readonly serial: Uint8Array;
    readonly id: Uint8Array;
    readonly label?: string;
  },
): void {
  pkcs11.C_CreateObject(handle, [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE },
    { type: pkcs11js.CKA_CERTIFICATE_TYPE, value: pkcs11js.CKC_X_509 },
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_PRIVATE, value: false },
    { type: pkcs11js.CKA_ID, value: Buffer.from(certificate.id) },
    { type: pkcs11js.CKA_SUBJECT, value: Buffer.from(certificate.subject) },
    { type: pkcs11js.CKA_ISSUER, value: Buffer.from(certificate.issuer) },
    { type: pkcs11js.CKA_SERIAL_NUMBER, value: Buffer.from(certificate.serial) },
    { type: pkcs11js.CKA_VALUE, value: Buffer.from(certificate.der) },
    ...(certificate.label === undefined ? [] : [{ type: pkcs11js.CKA_LABEL, value: certificate.label }]),
  ]);
}

/** Every object of the token. */
export function listObjects({ pkcs11, handle }: TokenSession): TokenObject[] {
  pkcs11.C_FindObjectsInit(handle, []);
  const handles: pkcs11js.Handle[] = [];
  for (let found = pkcs11.C_FindObjects(handle, 100); found.length > 0; found = pkcs11.C_FindObjects(handle, 100)) handles.push(...found);
  pkcs11.C_FindObjectsFinal(handle);
  return handles.map((object) => {
    const get = (type: number) => attribute(pkcs11, handle, object, type);
    const kind = classes.get(get(pkcs11js.CKA_CLASS).readUInt32LE()) ?? 'other';
    const label = get(pkcs11js.CKA_LABEL).toString();
    const id = get(pkcs11js.CKA_ID).toString('hex');
    if (kind === 'certificate') return { class: kind, label, id, handle: object, der: get(pkcs11js.CKA_VALUE) };
    if (kind === 'other' || get(pkcs11js.CKA_KEY_TYPE).readUInt32LE() !== pkcs11js.CKK_RSA)
      return { class: kind, label, id, handle: object };
    return { class: kind, label, id, handle: object, spki: rsaSpki(get(pkcs11js.CKA_MODULUS), get(pkcs11js.CKA_PUBLIC_EXPONENT)) };
  });
}

const classes = new Map<number, TokenObject['class']>([
  [pkcs11js.CKO_PRIVATE_KEY, 'private'],
  [pkcs11js.CKO_PUBLIC_KEY, 'public'],
  [pkcs11js.CKO_CERTIFICATE, 'certificate'],
]);

function attribute(pkcs11: pkcs11js.PKCS11, session: pkcs11js.Handle, object: pkcs11js.Handle, type: number): Buffer {
  return pkcs11.C_GetAttributeValue(session, object, [{ type }])[0]!.value;
}

function rsaSpki(modulus: Buffer, exponent: Buffer): Buffer {
  const integer = (value: Buffer) => tlv(0x02, (value[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), value]) : value);
  const key = tlv(0x30, Buffer.concat([integer(modulus), integer(exponent)]));
  const algorithm = new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.1', parameters: null });
  return Buffer.from(asn1.AsnConvert.serialize(new SubjectPublicKeyInfo({ algorithm, subjectPublicKey: new Uint8Array(key).buffer })));
}

function tlv(tag: number, content: Buffer): Buffer {
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = Buffer.from(content.length.toString(16).padStart(content.length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}
