import type { CertificateConfig, CertificateStorage, Instance } from '../config/instance.js';
import type { TokenCertificate, TokenKey } from '../pkcs11/token.js';
import type { Certificate } from '../x509/certificate.js';
import { parseCertificate } from '../x509/parse-certificate.js';
import { equalBytes } from '../x509/der.js';
import { keyFacts, sameKey, type KeyFacts } from '../x509/public-key.js';
import type { FileFacts, StoreFacts } from './facts.js';

/** A certificate of the instance, looked up where the instance file says it lies. */
export interface Sighting {
  readonly nickname: string;
  readonly profile: string;
  readonly storage: CertificateStorage;
  /**
   * In a token or database the newest certificate object with this label whose key is there, else the newest one; undefined when there is
   * none.
   */
  readonly certificate: Certificate | undefined;
  /** CKA_ID of that object; files have none. */
  readonly id: Uint8Array | undefined;
  /** The private key of that certificate: same public key, or, where the token hides the public value, same CKA_ID. */
  readonly key: { readonly id: Uint8Array | undefined } | undefined;
  /** Of the certificate's public key. */
  readonly keyFacts: KeyFacts | undefined;
}

/** What a PKCS#11 token, NSS's internal one included, shows. */
export interface Objects {
  readonly certificates: readonly TokenCertificate[];
  readonly keys: readonly TokenKey[];
}

/** Each certificate of the instance in its store, in the order of the instance file. */
export function sightings(
  instance: Pick<Instance, 'certificates'>,
  stores: Pick<StoreFacts, 'token' | 'files'> & { readonly nss: Pick<StoreFacts['nss'], 'internal'> },
): Sighting[] {
  const files = new Map(stores.files.map((facts) => [facts.nickname, facts]));
  return instance.certificates.map((config) => {
    switch (config.storage.kind) {
      case 'token':
        return among(config, stores.token, 'on the token');
      case 'internal':
        return among(config, stores.nss.internal, 'in the NSS database');
      case 'file':
        return inFiles(config, files.get(config.nickname));
    }
  });
}

/** Certificate objects in order of trust: those whose key is there first, the newest first. */
function among({ nickname, profile, storage }: CertificateConfig, objects: Objects | undefined, where: string): Sighting {
  const [best] = (objects?.certificates ?? [])
    .filter(({ label }) => label === nickname)
    .map((object) => {
      const certificate = parseCertificate(object.der, `The certificate '${nickname}' ${where}`);
      return { certificate, id: object.id, key: keyOf(certificate, object, objects?.keys ?? []) };
    })
    .sort(
      (a, b) =>
        Number(b.key !== undefined) - Number(a.key !== undefined) || b.certificate.notAfter.getTime() - a.certificate.notAfter.getTime(),
    );
  return {
    nickname,
    profile,
    storage,
    certificate: best?.certificate,
    id: best?.id,
    key: best?.key,
    keyFacts: best === undefined ? undefined : keyFacts(best.certificate.spki),
  };
}

function keyOf(certificate: Certificate, { id }: TokenCertificate, keys: readonly TokenKey[]): TokenKey | undefined {
  const fits = (key: TokenKey) => key.spki === undefined || sameKey(key.spki, certificate.spki);
  // Of two copies of one key the one NSS associates with the certificate: same CKA_ID. Without a public value nothing else tells.
  return keys.find((key) => equalBytes(key.id, id) && fits(key)) ?? keys.find((key) => key.spki !== undefined && fits(key));
}

function inFiles({ nickname, profile, storage }: CertificateConfig, facts: FileFacts | undefined): Sighting {
  const certificate =
    facts !== undefined && 'der' in facts.certificate
      ? parseCertificate(facts.certificate.der, `The certificate '${nickname}' in its file`)
      : undefined;
  const proven = certificate !== undefined && facts !== undefined && 'spki' in facts.key && sameKey(facts.key.spki, certificate.spki);
  return {
    nickname,
    profile,
    storage,
    certificate,
    id: undefined,
    key: proven ? { id: undefined } : undefined,
    keyFacts: certificate === undefined ? undefined : keyFacts(certificate.spki),
  };
}
