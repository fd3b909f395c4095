import 'reflect-metadata';
import { createHash, createPublicKey, randomBytes } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate, SubjectPublicKeyInfo } from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';
import pkcs11js from 'pkcs11js';
import type { CertificateSpec, SubjectName } from './authority.js';
import { profileExtensions } from './profiles.js';
import {
  generateEcKey,
  generateRsaKey,
  importRsaKey,
  listObjects,
  storeCertificate,
  withSession,
  type TokenAccess,
  type TokenSession,
} from './token-objects.js';
import { serveWorker } from './worker.js';

interface Holder {
  readonly id: Buffer;
  readonly spki: Buffer;
  readonly privateHandle: pkcs11js.Handle;
  readonly name: x509.Name;
  readonly subjectKeyId: string;
}

const day = 86_400_000;
const digests: Record<string, string> = { 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' };
const mechanisms: Record<string, number> = {
  'SHA-1': pkcs11js.CKM_SHA1_RSA_PKCS,
  'SHA-256': pkcs11js.CKM_SHA256_RSA_PKCS,
  'SHA-384': pkcs11js.CKM_SHA384_RSA_PKCS,
  'SHA-512': pkcs11js.CKM_SHA512_RSA_PKCS,
};

function makeHolder(session: TokenSession, spec: CertificateSpec, find: (nickname: string) => Holder): Holder {
  const name = new x509.Name(typed(spec.subject ?? [{ CN: [spec.nickname] }]));
  const id = spec.keyId === undefined ? undefined : Buffer.from(spec.keyId, 'hex');
  const options = { label: spec.nickname, ...(id === undefined ? {} : { id }) };
  const made = () => {
    if (spec.curve !== undefined) return generateEcKey(session, { curve: spec.curve, ...options });
    return spec.privateKey === undefined
      ? generateRsaKey(session, { bits: spec.bits ?? 2048, ...options })
      : importRsaKey(session, spec.privateKey, spec.nickname);
  };
  const key = spec.keyOf === undefined ? made() : find(spec.keyOf);
  return { id: key.id, spki: key.spki, privateHandle: key.privateHandle, name, subjectKeyId: spec.subjectKeyId ?? keyIdentifier(key.spki) };
}

/** Every value with its string type: the library would read quotes and commas in a bare one as syntax. */
function typed(name: SubjectName): x509.JsonName {
  const value = (text: SubjectName[number][string][number]) => {
    if (typeof text !== 'string') return text;
    return /^[A-Za-z0-9 '()+,\-./:=?]*$/u.test(text) ? { printableString: text } : { utf8String: text };
  };
  // JsonName admits strings only, Name's constructor these too.
  return name.map((rdn) =>
    Object.fromEntries(Object.entries(rdn).map(([type, values]) => [type, values.map(value)])),
  ) as unknown as x509.JsonName;
}

/** RFC 5280 §4.2.1.2 method 1: SHA-1 of the subjectPublicKey bits. */
function keyIdentifier(spki: Buffer): string {
  const bits = AsnConvert.parse(spki, SubjectPublicKeyInfo).subjectPublicKey;
  return createHash('sha1').update(Buffer.from(bits)).digest('hex');
}

function holderOnToken(session: TokenSession, nickname: string): Holder {
  const objects = listObjects(session);
  const certificates = objects.flatMap((object) =>
    object.class === 'certificate' && object.label === nickname && object.der !== undefined
      ? [{ id: object.id, parsed: new x509.X509Certificate(new Uint8Array(object.der)) }]
      : [],
  );
  const newest = certificates.sort((a, b) => b.parsed.notAfter.getTime() - a.parsed.notAfter.getTime())[0];
  const key = objects.find((object) => object.class === 'private' && object.id === newest?.id);
  if (newest === undefined || key?.spki === undefined) throw new Error(`No certificate '${nickname}' with its key on the token.`);
  const ski = newest.parsed.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  return {
    id: Buffer.from(key.id, 'hex'),
    spki: key.spki,
    privateHandle: key.handle,
    name: newest.parsed.subjectName,
    subjectKeyId: ski ?? keyIdentifier(key.spki),
  };
}

async function issue(session: TokenSession, spec: CertificateSpec, holder: Holder, issuer: Holder): Promise<Buffer> {
  const own = [
    ...(spec.eku === undefined
      ? profileExtensions(spec.profile)
      : [...profileExtensions(spec.profile).filter((one) => one.type !== '2.5.29.37'), new x509.ExtendedKeyUsageExtension([...spec.eku])]),
    new x509.SubjectKeyIdentifierExtension(holder.subjectKeyId),
    new x509.AuthorityKeyIdentifierExtension(issuer.subjectKeyId),
    ...subjectAltName(spec),
    ...(spec.extensions ?? []).map(
      ({ oid, critical, value }) => new x509.Extension(oid, critical ?? false, new Uint8Array(Buffer.from(value, 'hex'))),
    ),
  ];
  const now = Math.floor(Date.now() / 1000) * 1000;
  const serial = randomBytes(8);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: spec.serial ?? serial.toString('hex'),
      subject: holder.name,
      issuer: issuer.name,
      notBefore: spec.notBefore === undefined ? new Date(now - (spec.ageDays ?? 700) * day) : new Date(spec.notBefore),
      notAfter: spec.notAfter === undefined ? new Date(now + (spec.daysLeft ?? 20) * day) : new Date(spec.notAfter),
      publicKey: new x509.PublicKey(new Uint8Array(holder.spki)),
      signingKey: keysOf(issuer).privateKey,
      signingAlgorithm: { ...algorithmOf(issuer), hash: spec.digest ?? 'SHA-256' },
      extensions: own.filter((extension) => !(spec.without ?? []).includes(extension.type)),
    },
    tokenCrypto(session, issuer, spec.digest ?? 'SHA-256'),
  );
  return Buffer.from(certificate.rawData);
}

async function request(session: TokenSession, spec: CertificateSpec, holder: Holder): Promise<Buffer> {
  const csr = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: holder.name,
      keys: keysOf(holder),
      signingAlgorithm: { ...algorithmOf(holder), hash: 'SHA-256' },
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.SubjectKeyIdentifierExtension(keyIdentifier(holder.spki)),
        ...subjectAltName(spec),
      ],
    },
    tokenCrypto(session, holder, 'SHA-256'),
  );
  return Buffer.from(csr.rawData);
}

function subjectAltName(spec: CertificateSpec): x509.Extension[] {
  return spec.dnsNames === undefined
    ? []
    : [new x509.SubjectAlternativeNameExtension(spec.dnsNames.map((value) => ({ type: 'dns' as const, value })))];
}

function algorithmOf({ spki }: Holder): EcKeyAlgorithm | { readonly name: string } {
  const { namedCurve } = createPublicKey({ key: spki, format: 'der', type: 'spki' }).asymmetricKeyDetails ?? {};
  return namedCurve === undefined
    ? { name: 'RSASSA-PKCS1-v1_5' }
    : {
        name: 'ECDSA',
        namedCurve: ({ prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' } as Record<string, string>)[namedCurve] ?? '',
      };
}

/** The generators merge the key's algorithm over the one asked for: these name no hash. */
function keysOf(holder: Holder): { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey } {
  const algorithm = algorithmOf(holder);
  return {
    privateKey: { type: 'private', algorithm, extractable: false, usages: ['sign'] },
    publicKey: { type: 'public', algorithm, extractable: true, usages: ['verify'] },
  };
}

/** The two functions of WebCrypto the generators call, answered by the token. */
function tokenCrypto({ pkcs11, handle }: TokenSession, holder: Holder, digest: string): Crypto {
  const elliptic = algorithmOf(holder).name === 'ECDSA';
  const subtle = {
    exportKey: () => Promise.resolve(holder.spki),
    sign: (_algorithm: unknown, _key: unknown, data: ArrayBuffer) => {
      // SoftHSM has no CKM_ECDSA_SHA256.
      const [mechanism, input] = elliptic
        ? [
            pkcs11js.CKM_ECDSA,
            createHash(digests[digest] ?? 'sha256')
              .update(Buffer.from(data))
              .digest(),
          ]
        : [mechanisms[digest] ?? pkcs11js.CKM_SHA256_RSA_PKCS, Buffer.from(data)];
      pkcs11.C_SignInit(handle, { mechanism }, holder.privateHandle);
      return Promise.resolve(pkcs11.C_Sign(handle, input, Buffer.alloc(1024)));
    },
  };
  return { subtle } as unknown as Crypto;
}

await serveWorker(async (input) => {
  const { token, specs } = input as { token: TokenAccess; specs: CertificateSpec[] };
  return withSession(token, async (session) => {
    const holders = new Map<string, Holder>();
    const find = (nickname: string) => holders.get(nickname) ?? holderOnToken(session, nickname);
    const signer = specs.find((spec) => spec.profile === 'caCACert')?.nickname;
    const answers = [];
    for (const spec of specs) {
      const holder = makeHolder(session, spec, find);
      holders.set(spec.nickname, holder);
      const issuer = find(spec.issuer ?? signer ?? spec.nickname);
      const der = await issue(session, spec, holder, issuer);
      if (spec.store !== false) {
        const { tbsCertificate: tbs } = AsnConvert.parse(der, Certificate);
        storeCertificate(session, {
          der,
          subject: Buffer.from(holder.name.toArrayBuffer()),
          issuer: Buffer.from(issuer.name.toArrayBuffer()),
          serial: Buffer.concat([Buffer.from([0x02, tbs.serialNumber.byteLength]), Buffer.from(tbs.serialNumber)]),
          id: holder.id,
          ...(spec.unlabelled === true ? {} : { label: spec.nickname }),
        });
      }
      const csr = await request(session, spec, holder);
      answers.push({
        nickname: spec.nickname,
        profile: spec.profile,
        der: der.toString('base64'),
        keyId: holder.id.toString('hex'),
        spki: holder.spki.toString('base64'),
        csr: csr.toString('base64'),
      });
    }
    return answers;
  });
});
