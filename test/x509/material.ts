import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import type { Certificate } from '../../src/x509/certificate.js';

/** Certificates and requests from an encoder that is not ours. */

export const day = 86_400_000;
export const now = new Date('2026-11-23T12:00:00Z');

export interface Keys {
  readonly pair: CryptoKeyPair;
  readonly spki: Uint8Array;
  readonly privateKey: KeyObject;
}

const algorithms = {
  rsa1024: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 1024 },
  rsa2048: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 },
  rsa4096: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 4096 },
  rsaSha1: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-1', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 },
  p256: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
} as const;

x509.cryptoProvider.set(webcrypto as Crypto);

export async function makeKeys(kind: keyof typeof algorithms = 'rsa2048'): Promise<Keys> {
  const pair = await webcrypto.subtle.generateKey(algorithms[kind], true, ['sign', 'verify']);
  const spki = new Uint8Array(await webcrypto.subtle.exportKey('spki', pair.publicKey));
  return { pair, spki, privateKey: KeyObject.from(pair.privateKey) };
}

export type NameText = ConstructorParameters<typeof x509.Name>[0];

export interface CertificateOptions {
  readonly keys: Keys;
  readonly subject?: NameText;
  /** Default: signs itself. */
  readonly by?: { readonly keys: Keys; readonly certificate: Certificate };
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly extensions?: x509.Extension[];
  readonly serial?: string;
}

export async function makeCertificate({
  keys,
  subject = 'O=Test, CN=Certificate Authority',
  by,
  notBefore = new Date(now.getTime() - 700 * day),
  notAfter = new Date(now.getTime() + 20 * day),
  extensions = [],
  serial = '0102030405060708',
}: CertificateOptions): Promise<Certificate> {
  const signer = by?.keys ?? keys;
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: new x509.Name(subject).toJSON(),
    issuer:
      by === undefined ? new x509.Name(subject).toJSON() : new x509.X509Certificate(Buffer.from(by.certificate.der)).subjectName.toJSON(),
    notBefore,
    notAfter,
    publicKey: keys.pair.publicKey,
    signingKey: signer.pair.privateKey,
    signingAlgorithm: signer.pair.privateKey.algorithm,
    extensions,
  });
  return parseCertificate(new Uint8Array(made.rawData));
}

export interface CsrOptions {
  readonly keys: Keys;
  readonly subject?: NameText;
  readonly extensions?: x509.Extension[];
}

/** As certmonger asks for an adopted certificate: CA:FALSE whatever it is. */
export async function makeCsr({
  keys,
  subject = 'O=Test, CN=Certificate Authority',
  extensions = [new x509.BasicConstraintsExtension(false, undefined, true)],
}: CsrOptions): Promise<Uint8Array> {
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    name: new x509.Name(subject).toJSON(),
    keys: keys.pair,
    signingAlgorithm: { hash: 'SHA-256', ...keys.pair.privateKey.algorithm },
    extensions,
  });
  return new Uint8Array(made.rawData);
}

export const usage = x509.KeyUsageFlags;
export const extension = (oid: string, value: readonly number[], critical = false): x509.Extension =>
  new x509.Extension(oid, critical, Uint8Array.from(value));
export const keyUsage = (flags: x509.KeyUsageFlags): x509.Extension => new x509.KeyUsagesExtension(flags, true);
export const extendedKeyUsage = (...oids: string[]): x509.Extension => new x509.ExtendedKeyUsageExtension(oids);
export const caConstraints = (pathLength?: number): x509.Extension => new x509.BasicConstraintsExtension(true, pathLength, true);
export const leafConstraints = (): x509.Extension => new x509.BasicConstraintsExtension(false, undefined, true);
export const subjectKeyId = (hex: string): x509.Extension => new x509.SubjectKeyIdentifierExtension(hex);
export const authorityKeyId = (hex: string): x509.Extension => new x509.AuthorityKeyIdentifierExtension(hex);
export const dnsNames = (...names: string[]): x509.Extension =>
  new x509.SubjectAlternativeNameExtension(names.map((value) => new x509.GeneralName('dns', value)));

/** What a CA of Dogtag's has. */
export const caExtensions = (keyId = 'aa'.repeat(20)): x509.Extension[] => [
  authorityKeyId(keyId),
  caConstraints(),
  keyUsage(usage.digitalSignature | usage.nonRepudiation | usage.keyCertSign | usage.cRLSign),
  subjectKeyId(keyId),
];

export const pem = (der: Uint8Array, label = 'CERTIFICATE'): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString('base64')
    .replace(/.{1,64}/gu, '$&\n')}-----END ${label}-----\n`;
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
