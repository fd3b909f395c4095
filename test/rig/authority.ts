import type { SoftToken } from './soft-token.js';
import type { Curve } from './token-objects.js';
import { runWorker } from './worker.js';

/**
 * RDNs in DER order; a value is a string (PrintableString where it can be, else UTF8String) or says its type: `[{ O: ['X'] }, { CN: [{
 * utf8String: 'é' }], OU: ['multi-valued'] }]`.
 */
export type SubjectName = readonly Readonly<
  Record<
    string,
    readonly (
      string | { readonly utf8String?: string; readonly printableString?: string; readonly bmpString?: string; readonly ia5String?: string }
    )[]
  >
>[];

/** One certificate with its key. Only the nickname and the profile have no default. */
export interface CertificateSpec {
  readonly nickname: string;
  readonly profile: string;
  readonly subject?: SubjectName;
  /** Default 20: within certmonger's renewal threshold of 28. */
  readonly daysLeft?: number;
  /** notBefore, days ago. Default 700. */
  readonly ageDays?: number;
  /** ISO 8601; win over daysLeft and ageDays. */
  readonly notBefore?: string;
  readonly notAfter?: string;
  /** RSA modulus. Default 2048. */
  readonly bits?: number;
  /** An EC key instead. */
  readonly curve?: Curve;
  /** CKA_ID of key and certificate, hexadecimal, instead of SHA-1 of the modulus. */
  readonly keyId?: string;
  /** Subject key identifier, hexadecimal, instead of SHA-1 of the key. */
  readonly subjectKeyId?: string;
  /** The certificate object gets no CKA_LABEL. */
  readonly unlabelled?: boolean;
  /** Nickname of the issuer, made before or already on the token; default: the first caCACert of the list signs, itself too. */
  readonly issuer?: string;
  /** Use the key of this nickname (made before, or on the token) instead of a new one. */
  readonly keyOf?: string;
  /** PKCS#8 PEM of an RSA key made outside, stored on the token instead of a new one. */
  readonly privateKey?: string;
  readonly dnsNames?: readonly string[];
  readonly eku?: readonly string[];
  /** Added to the profile's; value is the content of extnValue, hexadecimal. */
  readonly extensions?: readonly { readonly oid: string; readonly critical?: boolean; readonly value: string }[];
  /** OIDs of the profile's extensions (or key identifiers) to leave out. */
  readonly without?: readonly string[];
  /** Serial number, hexadecimal; default 8 random bytes. */
  readonly serial?: string;
  readonly digest?: 'SHA-256' | 'SHA-384' | 'SHA-512' | 'SHA-1';
  /** Default true; false: not stored on the token. */
  readonly store?: boolean;
}

export interface AuthorityCertificate {
  readonly nickname: string;
  readonly profile: string;
  readonly der: Buffer;
  readonly pem: string;
  /** CKA_ID, hexadecimal. */
  readonly keyId: string;
  readonly spki: Buffer;
  /** PKCS#10 as certmonger writes it for an adopted certificate (basicConstraints CA:FALSE in it, always), PEM. */
  readonly csr: string;
}

export interface Authority {
  readonly certificates: readonly AuthorityCertificate[];
  /** By nickname; throws when there is none. */
  certificate(nickname: string): AuthorityCertificate;
}

const organization = 'HSMONGER.TEST';

/** The four certificates of a Dogtag CA, under Dogtag's names. */
export const dogtagCertificates: readonly CertificateSpec[] = [
  { nickname: 'caSigningCert cert-pki-ca', profile: 'caCACert', subject: [{ O: [organization] }, { CN: ['Certificate Authority'] }] },
  { nickname: 'ocspSigningCert cert-pki-ca', profile: 'caOCSPCert', subject: [{ O: [organization] }, { CN: ['OCSP Subsystem'] }] },
  { nickname: 'auditSigningCert cert-pki-ca', profile: 'caSignedLogCert', subject: [{ O: [organization] }, { CN: ['CA Audit'] }] },
  { nickname: 'subsystemCert cert-pki-ca', profile: 'caSubsystemCert', subject: [{ O: [organization] }, { CN: ['CA Subsystem'] }] },
];

export interface AuthorityOptions {
  /** Default: the four of Dogtag. */
  readonly certificates?: readonly CertificateSpec[];
  /** Laid over every certificate. */
  readonly each?: Partial<CertificateSpec>;
  /** Laid over one, by nickname. */
  readonly only?: Readonly<Record<string, Partial<CertificateSpec>>>;
}

/** Makes keys and certificates on the token, all in one child process that is the token's owner. */
export async function createAuthority(token: SoftToken, options: AuthorityOptions = {}): Promise<Authority> {
  const specs = (options.certificates ?? dogtagCertificates).map((spec) => ({
    ...spec,
    ...options.each,
    ...options.only?.[spec.nickname],
  }));
  const made = (await runWorker('authority-worker.ts', token.owner, { token, specs })) as {
    nickname: string;
    profile: string;
    der: string;
    keyId: string;
    spki: string;
    csr: string;
  }[];
  const certificates = made.map((one) => ({
    ...one,
    der: Buffer.from(one.der, 'base64'),
    spki: Buffer.from(one.spki, 'base64'),
    pem: pem('CERTIFICATE', one.der),
    csr: pem('CERTIFICATE REQUEST', one.csr),
  }));
  return {
    certificates,
    certificate: (nickname) => {
      const found = certificates.find((one) => one.nickname === nickname);
      if (found === undefined) throw new Error(`No certificate '${nickname}' in this authority.`);
      return found;
    },
  };
}

function pem(type: string, base64: string): string {
  return `-----BEGIN ${type}-----\n${base64.replace(/.{1,64}/gu, '$&\n')}-----END ${type}-----\n`;
}
