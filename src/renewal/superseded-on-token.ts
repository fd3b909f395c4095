import type { TokenCertificate } from '../pkcs11/token.js';
import type { Certificate } from '../x509/certificate.js';
import { equalBytes } from '../x509/der.js';
import { extendedKeyUsages } from '../x509/extensions/extensions.js';
import { sameKey } from '../x509/public-key.js';

export interface OnToken extends TokenCertificate {
  readonly certificate: Certificate;
}

export interface Superseded {
  readonly old: OnToken;
  /** What took its place. */
  readonly by: OnToken;
}

/**
 * The certificates another one took the place of: of the same key, for the same subject, from the same issuer and for the same uses, it is
 * valid now and later in both its dates. So a CA's certificates from two issuers stay, both are in use; and where none is valid, all stay.
 */
export function supersededOn(now: Date, certificates: readonly OnToken[]): Superseded[] {
  return certificates.flatMap((old) => {
    const [by] = certificates
      .filter((other) => replaces(now, other.certificate, old.certificate))
      .sort((a, b) => b.certificate.notAfter.getTime() - a.certificate.notAfter.getTime());
    return by === undefined ? [] : [{ old, by }];
  });
}

function replaces(now: Date, next: Certificate, old: Certificate): boolean {
  const valid = next.notBefore <= now && now < next.notAfter;
  const later = next.notAfter > old.notAfter && next.notBefore > old.notBefore;
  return (
    valid &&
    later &&
    equalBytes(next.subject, old.subject) &&
    equalBytes(next.issuer, old.issuer) &&
    next.isCa === old.isCa &&
    sameUses(next, old) &&
    sameKey(next.spki, old.spki)
  );
}

function sameUses(a: Certificate, b: Certificate): boolean {
  const uses = ({ extensions }: Certificate) => extendedKeyUsages(extensions).sort().join(' ');
  return uses(a) === uses(b);
}
