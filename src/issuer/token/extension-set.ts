import type { Certificate, Extension } from '../../x509/certificate.js';
import {
  authorityKeyIdExtension,
  caBasicConstraints,
  extendedKeyUsageExtension,
  extendedKeyUsages,
  findExtension,
  ocspNoCheckExtension,
  subjectKeyIdExtension,
} from '../../x509/extensions/extensions.js';
import { sameName } from '../../x509/names/name.js';
import { oids } from '../../x509/oids.js';
import { keyIdentifier } from '../../x509/public-key.js';
import type { Profile } from '../profiles.js';
import { withoutOtherIssuer } from './issuer-places.js';

/**
 * What speaks of the old certificate itself and would be false in the next: its own precertificate's timestamps and poison
 * (RFC 6962 §3.1, §3.3), and private key dates that end with it (RFC 3280 §4.2.1.4).
 */
const ownToOne: ReadonlySet<string> = new Set([oids.signedCertificateTimestamps, oids.precertificatePoison, oids.privateKeyUsagePeriod]);

/**
 * The extensions of a renewal: the old certificate's, value and criticality and order as they were, with the authority key
 * identifier set right and what the profile requires added; where another CA issued the old one, its places give way to `places`, this
 * CA's. The request is not asked: certmonger's for an adopted CA certificate
 * says CA:FALSE.
 */
export function renewedExtensions(
  profile: Profile,
  old: Certificate,
  issuer: Certificate | 'self',
  places: readonly Extension[] = [],
): Extension[] {
  const name = issuer === 'self' ? old.subject : issuer.subject;
  const subjectKeyId = subjectKeyIdOf(old);
  const authority = authorityKeyIdExtension(issuer === 'self' ? subjectKeyId : subjectKeyIdOf(issuer));
  const extensions = withoutOtherIssuer(old, name)
    .filter(({ oid }) => !ownToOne.has(oid))
    .map((extension) => {
      if (extension.oid === oids.authorityKeyIdentifier) return authority;
      return extension.oid === oids.extendedKeyUsage ? withUsages(extension, profile.requires.extendedKeyUsage) : extension;
    });
  return [
    ...extensions,
    ...[
      ...(profile.ca ? [caBasicConstraints] : []),
      subjectKeyIdExtension(subjectKeyId),
      // A root may do without (RFC 5280 §4.2.1.1): one that did stays as it was.
      ...(issuer === 'self' ? [] : [authority]),
      ...(sameName(old.issuer, name) ? [] : places),
      ...(profile.requires.extendedKeyUsage.length === 0 ? [] : [extendedKeyUsageExtension(profile.requires.extendedKeyUsage)]),
      ...(profile.requires.ocspNoCheck ? [ocspNoCheckExtension] : []),
    ].filter(({ oid }) => findExtension(extensions, oid) === undefined),
  ];
}

/** The key identifier a certificate has, whatever it was made from, or would be given. */
export function subjectKeyIdOf({ subjectKeyId, spki }: Certificate): Uint8Array {
  return subjectKeyId ?? keyIdentifier(spki);
}

function withUsages(extension: Extension, required: readonly string[]): Extension {
  const present = extendedKeyUsages([extension]);
  const missing = required.filter((usage) => !present.includes(usage));
  return missing.length === 0 ? extension : extendedKeyUsageExtension([...present, ...missing], extension.critical);
}
