import 'reflect-metadata';
import { createHash, generateKeyPairSync, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import { trackingRequestOf } from '../../dbus/tracking-request.js';
import { Variant } from '../../dbus/wire.js';
import type { Instance } from '../../src/config/instance.js';
import type { TokenFacts, TrackingFacts } from '../../src/tracking/facts.js';
import type { TokenCertificate, TokenKey } from '../../src/pkcs11/token.js';
import { nssKeyId } from '../../src/pkcs11/objects/nss-key-id.js';

/** A certificate object and its private key object as a token would show them. */
export interface Pair {
  readonly certificate: TokenCertificate;
  readonly key: TokenKey;
  readonly pem: string;
}

const generate = {
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  weak: () => generateKeyPairSync('rsa', { modulusLength: 768 }),
  ec: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ed25519: () => generateKeyPairSync('ed25519'),
  pss: () => generateKeyPairSync('rsa-pss', { modulusLength: 2048, hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256' }),
  curve: () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
} as const;

/** Self-signed by a key of its own kind where WebCrypto can, else by an RSA key: nobody verifies these. */
export async function makePair(
  label: string,
  options: {
    readonly subject?: string;
    readonly kind?: keyof typeof generate;
    readonly id?: Buffer;
    /** Whose key it has. */ readonly renews?: Pair;
    readonly notAfter?: Date;
  } = {},
): Promise<Pair> {
  const spki = Buffer.from(options.renews?.key.spki ?? generate[options.kind ?? 'rsa']().publicKey.export({ format: 'der', type: 'spki' }));
  const signing = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: createHash('sha1').update(label).digest('hex').slice(0, 16).replace(/^./u, '1'),
    subject: options.subject ?? `CN=${label}`,
    issuer: 'CN=issuer',
    notBefore: new Date('2026-01-01'),
    notAfter: options.notAfter ?? new Date('2027-01-01'),
    publicKey: new x509.PublicKey(spki),
    signingKey: signing.privateKey,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  const id = options.id ?? options.renews?.key.id ?? nssKeyId(spki) ?? Buffer.from([1]);
  return {
    certificate: { id, label, der: new Uint8Array(certificate.rawData) },
    key: { id, label: '', type: 'RSA', size: 2048, spki, sensitive: true, extractable: false, canSign: true },
    pem: certificate.toString('pem'),
  };
}

function makeInstance(certificates: Instance['certificates']): Instance {
  return {
    name: 'testca',
    file: '/etc/hsmonger/testca.toml',
    user: 'pkiuser',
    drop: 'setuid',
    token: {
      selector: { by: 'label', label: 'tok' },
      module: '/usr/lib/module.so',
      environment: {},
      pin: { from: 'file', path: '/etc/hsmonger/pin' },
    },
    nss: { database: '/etc/alias' },
    issuer: { type: 'token', certificate: 'ca', lifetimeDays: {}, backdateSeconds: 60, digest: 'sha256' },
    saving: { guardMinutes: 15 },
    helper: { deadlineSeconds: 120 },
    agent: { probeSeconds: 60, signMinutes: 60, spreadDays: 7, reconcile: 'apply' },
    certificates,
  };
}

/** Facts of an instance whose certificates lie on the token. */
export type TokenTrackingFacts = TrackingFacts & { readonly token: TokenFacts };

/** Facts pre-flight has nothing to say about. */
export function goodFacts(pairs: readonly Pair[]): TokenTrackingFacts {
  return {
    instance: makeInstance(
      pairs.map(({ certificate }) => ({ nickname: certificate.label, profile: 'caServerCert', storage: { kind: 'token' } })),
    ),
    token: {
      description: {
        slotId: 1,
        label: 'tok',
        manufacturer: '',
        model: '',
        serial: '1',
        loginRequired: true,
        initialized: true,
        writeProtected: false,
        pin: 'fine',
      },
      certificates: pairs.map(({ certificate }) => certificate),
      keys: pairs.map(({ key }) => key),
      mechanisms: ['CKM_RSA_PKCS_KEY_PAIR_GEN', 'CKM_RSA_PKCS', 'CKM_ECDSA'],
    },
    nss: { format: 'sql', unwritable: [], registered: true, tokens: ['tok', ''], internalName: 'NSS Certificate DB' },
    files: [],
    daemon: {
      home: '/run/certmonger',
      confFile: '/etc/certmonger/certmonger.conf',
      conf: {},
      tokens: { asDaemon: { labels: ['tok'] }, asNssUser: { labels: ['tok'] } },
    },
    helper: { answers: true },
    submitCommand: '/opt/hsmonger-submit --instance testca',
    cas: [knownCa('testca', '/opt/hsmonger-submit --instance testca')],
    requests: [],
  };
}

export function knownCa(nickname: string, externalHelper: string | undefined): TrackingFacts['cas'][number] {
  return {
    path: '/x',
    nickname,
    aka: undefined,
    isDefault: false,
    externalHelper,
    caError: undefined,
    issuerNames: [],
    roots: [],
    otherRoots: [],
    others: [],
    requiredForEnrolment: [],
    requiredForRenewal: [],
    supportedProfiles: [],
    defaultProfile: undefined,
    saveTo: { rootFiles: [], otherRootFiles: [], otherFiles: [], rootDatabases: [], otherRootDatabases: [], otherDatabases: [] },
  };
}

/** A request as GetAll would give it. */
export function makeRequest(properties: Readonly<Record<string, string | boolean | number>>, ca?: string): TrackingRequest {
  const dictionary = Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [
      name,
      new Variant(
        typeof value === 'boolean' ? 'b' : typeof value === 'number' ? 'x' : 's',
        typeof value === 'number' ? BigInt(value) : value,
      ),
    ]),
  );
  return trackingRequestOf('/org/fedorahosted/certmonger/requests/Request1', dictionary, ca);
}
