import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { AsnConvert } from '@peculiar/asn1-schema';
import { SubjectPublicKeyInfo } from '@peculiar/asn1-x509';
import { runAs } from './run-as.js';
import type { SoftToken } from './soft-token.js';

/** What the CA's key is and what it signs with. */
export const schemes = {
  'RSA PKCS#1': { key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], sign: ['-sha256'], issuer: '' },
  'RSA-PSS': {
    key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
    sign: ['-sha256', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'],
    issuer: 'rsa-signature = "pss"\n',
  },
  'P-256': { key: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], sign: ['-sha256'], issuer: '' },
  'P-384': { key: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], sign: ['-sha384'], issuer: '' },
  Ed25519: { key: ['-algorithm', 'Ed25519'], sign: [], issuer: '' },
} as const;
export type Scheme = keyof typeof schemes;

export const caNickname = 'root';

/** A CA whose key OpenSSL made and a token has: OpenSSL issues what the token's CA is then asked about. */
export interface OpensslAuthority {
  readonly scheme: Scheme;
  /** PEM file of the CA's certificate. */
  readonly ca: string;
  /** Issues a certificate; its PEM file. `store`: key and certificate on the CA's token, too, under the name. */
  issue(
    name: string,
    options?: {
      readonly extensions?: string;
      readonly days?: number;
      readonly serial?: string;
      readonly subject?: string;
      readonly store?: boolean;
    },
  ): Promise<string>;
  /** Serial number in hex, as `openssl x509 -serial` prints it. */
  serialOf(file: string): string;
}

export const leafExtensions =
  'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n';
export const ocspExtensions =
  'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=OCSPSigning\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n1.3.6.1.5.5.7.48.1.5=DER:0500\n';
const caExtensions =
  'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n';

export async function createOpensslAuthority(directory: string, token: SoftToken, scheme: Scheme): Promise<OpensslAuthority> {
  const { key, sign } = schemes[scheme];
  const file = (name: string) => path.join(directory, name);
  const ca = file('ca.pem');
  const make = (name: string, subject: string) => {
    openssl('genpkey', ...key, '-out', file(`${name}.key`));
    openssl('req', '-new', '-utf8', '-key', file(`${name}.key`), '-subj', subject, '-out', file(`${name}.csr`));
  };
  const extensionsFile = (name: string, text: string) => {
    writeFileSync(file(`${name}.ext`), text);
    return file(`${name}.ext`);
  };
  make('ca', '/C=US/O=Müller \\/ Söhne/CN=My Company Root CA');
  openssl(
    'x509',
    '-req',
    '-in',
    file('ca.csr'),
    '-signkey',
    file('ca.key'),
    ...sign,
    '-days',
    '3650',
    '-extfile',
    extensionsFile('ca', caExtensions),
    '-out',
    ca,
  );
  await store(token, caNickname, file('ca.key'), ca);
  return {
    scheme,
    ca,
    issue: async (
      name,
      { extensions = leafExtensions, days = 100, serial, subject = `/O=Company/CN=${name}`, store: wanted = false } = {},
    ) => {
      make(name, subject);
      const numbered = serial === undefined ? ['-CAcreateserial', '-CAserial', file('ca.srl')] : ['-set_serial', `0x${serial}`];
      const certificate = file(`${name}.pem`);
      openssl(
        'x509',
        '-req',
        '-in',
        file(`${name}.csr`),
        '-CA',
        ca,
        '-CAkey',
        file('ca.key'),
        ...numbered,
        ...sign,
        '-days',
        String(days),
        '-extfile',
        extensionsFile(name, extensions),
        '-out',
        certificate,
      );
      if (wanted) await store(token, name, file(`${name}.key`), certificate);
      return certificate;
    },
    serialOf: (certificate) => openssl('x509', '-in', certificate, '-noout', '-serial').trim().replace('serial=', ''),
  };
}

/** Key and certificate on the token, CKA_ID the SHA-1 of the public key's bits. */
async function store(token: SoftToken, label: string, key: string, certificate: string): Promise<void> {
  const { publicKey, raw } = new X509Certificate(readFileSync(certificate));
  const bits = AsnConvert.parse(publicKey.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo).subjectPublicKey;
  const id = createHash('sha1').update(Buffer.from(bits)).digest('hex');
  const readable = `${certificate}.der`;
  writeFileSync(readable, raw, { mode: 0o644 });
  const pkcs8 = `${key}.pk8`;
  openssl('pkcs8', '-topk8', '-nocrypt', '-in', key, '-out', pkcs8);
  execFileSync('chmod', ['644', pkcs8]);
  await runAs(token.owner, 'softhsm2-util', ['--import', pkcs8, '--token', token.label, '--pin', token.pin, '--label', label, '--id', id], {
    env: token.environment,
  });
  await runAs(
    token.owner,
    'pkcs11-tool',
    [
      '--module',
      token.module,
      '--token-label',
      token.label,
      '--login',
      '--pin',
      token.pin,
      '--write-object',
      readable,
      '--type',
      'cert',
      '--label',
      label,
      '--id',
      id,
    ],
    { env: token.environment },
  );
}

export function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
