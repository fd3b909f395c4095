import type { Instance } from '../config/instance.js';
import type { TokenCertificate, TokenKey } from '../pkcs11/token.js';
import type { Certificate } from '../x509/certificate.js';
import { parseCertificate } from '../x509/parse-certificate.js';
import { equalBytes } from '../x509/der.js';
import { keyFacts, sameKey, type KeyFacts } from '../x509/public-key.js';

/** A certificate of the instance, looked up on the token. */
export interface Sighting {
  readonly nickname: string;
  readonly profile: string;
  /** The newest certificate object with this label whose key is there, else the newest one; undefined when there is none. */
  readonly certificate: Certificate | undefined;
  /** CKA_ID of that object. */
  readonly id: Uint8Array | undefined;
  /** The private key of that certificate: same public key, or, where the token hides the public value, same CKA_ID. */
  readonly key: TokenKey | undefined;
  /** Of the certificate's public key. */
  readonly keyFacts: KeyFacts | undefined;
}

/** Certificate objects in order of trust: those whose key is there first, the newest first. */
export function sightings(instance: Pick<Instance, 'certificates'>, token: { readonly certificates: readonly TokenCertificate[]; readonly keys: readonly TokenKey[] }): Sighting[] {
  return instance.certificates.map(({ nickname, profile }) => {
    const candidates = token.certificates
      .filter(({ label }) => label === nickname)
      .map((object) => {
        const certificate = parseCertificate(object.der, `The certificate '${nickname}' on the token`);
        return { certificate, id: object.id, key: keyOf(certificate, object, token.keys) };
      })
      .sort((a, b) => Number(b.key !== undefined) - Number(a.key !== undefined) || b.certificate.notAfter.getTime() - a.certificate.notAfter.getTime());
    const best = candidates[0];
    return { nickname, profile, certificate: best?.certificate, id: best?.id, key: best?.key, keyFacts: best === undefined ? undefined : keyFacts(best.certificate.spki) };
  });
}

function keyOf(certificate: Certificate, object: TokenCertificate, keys: readonly TokenKey[]): TokenKey | undefined {
  const matching = keys.filter((key) => (key.spki === undefined ? equalBytes(key.id, object.id) : sameKey(key.spki, certificate.spki)));
  // Of two copies of one key the one NSS associates with the certificate: same CKA_ID.
  return matching.find((key) => equalBytes(key.id, object.id)) ?? matching[0];
}
