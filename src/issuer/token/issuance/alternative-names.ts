import { HsmongerError } from '../../../errors.js';
import type { Extension } from '../../../x509/certificate.js';
import { contentOf, elementsIn } from '../../../x509/der.js';
import { findExtension } from '../../../x509/extensions.js';
import { encodeGeneralName, generalNameTags, isEmptyName, subjectAltNameExtension } from '../../../x509/general-name.js';
import { generalNamesFault } from '../../../x509/general-names.js';
import { asciiHostPattern } from '../../../x509/host.js';
import { commonNameOf } from '../../../x509/name.js';
import { oids } from '../../../x509/oids.js';
import type { Certifying } from './certified.js';

/** The subject alternative name: what was ordered, else what the request asks for; of a server's certificate, where neither says anything, the host its common name is. */
export function alternativeNames({ csr, names, policy }: Pick<Certifying, 'csr' | 'names' | 'policy'>, subject: Uint8Array): Extension[] {
  const wanted = names ?? requestedNames(csr.extensions);
  if (wanted.length > 0) return [subjectAltNameExtension(wanted, subject)];
  if (isEmptyName(subject)) throw new HsmongerError('CSR_INVALID', 'The certificate request names nobody: it has neither a subject nor a subject alternative name.');
  // No client looks at the common name any more (RFC 9525 §2).
  const host = policy.extendedKeyUsage.includes(oids.serverAuth) ? asciiHostPattern(commonNameOf(subject)) : undefined;
  return host === undefined ? [] : [subjectAltNameExtension([encodeGeneralName({ kind: 'dns', host })], subject)];
}

function requestedNames(extensions: readonly Extension[]): Uint8Array[] {
  const found = findExtension(extensions, oids.subjectAltName);
  if (found === undefined) return [];
  const fault = generalNamesFault(found.value);
  if (fault !== undefined) throw new HsmongerError('CSR_INVALID', `The certificate request asks for a subject alternative name that ${fault}.`);
  const names = elementsIn(found.value);
  const wrong = names.filter(([tag]) => tag === generalNameTags.dns).map((name) => Buffer.from(contentOf(name)).toString('latin1')).find((host) => asciiHostPattern(host) !== host.toLowerCase());
  if (wrong !== undefined) throw new HsmongerError('NAME_REFUSED', `The certificate request asks for the host '${wrong}', which is none: letters, digits and hyphens between dots, '*.' at most in front.`);
  return names;
}
