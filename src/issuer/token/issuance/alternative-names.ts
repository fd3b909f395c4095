import { HsmongerError } from '../../../errors.js';
import type { Extension } from '../../../x509/certificate.js';
import { contentOf, elementsIn } from '../../../x509/der.js';
import { findExtension } from '../../../x509/extensions/extensions.js';
import { encodeGeneralName, generalNameTags, isEmptyName, subjectAltNameExtension } from '../../../x509/names/general-name.js';
import { asciiMailbox, asciiUri, generalNameElementText } from '../../../x509/names/general-name-text.js';
import { generalNamesFault } from '../../../x509/names/general-names.js';
import { mailboxesOf } from '../../../x509/names/mailboxes.js';
import { asciiHostPattern } from '../../../x509/names/host.js';
import { commonNameOf } from '../../../x509/names/name.js';
import { oids } from '../../../x509/oids.js';
import type { Certifying } from './certified.js';

/**
 * The subject alternative name: what was ordered, else what the request asks for; of a server's certificate, where neither says anything,
 * the host its common name is. Mail addresses of the subject always: new certificates have them here (RFC 5280 §4.1.2.6).
 */
export function alternativeNames({ csr, names, policy }: Pick<Certifying, 'csr' | 'names' | 'policy'>, subject: Uint8Array): Extension[] {
  const wanted = names ?? requestedNames(csr.extensions);
  if (wanted.length === 0 && isEmptyName(subject))
    throw new HsmongerError(
      'CSR_INVALID',
      'The certificate request names nobody: it has neither a subject nor a subject alternative name.',
    );
  // No client looks at the common name any more (RFC 9525 §2).
  const host =
    wanted.length === 0 && policy.extendedKeyUsage.includes(oids.serverAuth) ? asciiHostPattern(commonNameOf(subject)) : undefined;
  const all = [...wanted, ...(host === undefined ? [] : [encodeGeneralName({ kind: 'dns', host })]), ...mailboxesOf(subject)];
  return all.length === 0 ? [] : [subjectAltNameExtension(all, subject)];
}

function requestedNames(extensions: readonly Extension[]): Uint8Array[] {
  const found = findExtension(extensions, oids.subjectAltName);
  if (found === undefined) return [];
  const fault = generalNamesFault(found.value);
  if (fault !== undefined)
    throw new HsmongerError('CSR_INVALID', `The certificate request asks for a subject alternative name that ${fault}.`);
  const names = elementsIn(found.value);
  const wrong = names.find((name) => kinds[name[0] ?? 0]?.(Buffer.from(contentOf(name)).toString('latin1')) === false);
  if (wrong !== undefined)
    throw new HsmongerError(
      'NAME_REFUSED',
      `The certificate request asks for the name ${generalNameElementText(wrong)}, which is none: a host is letters, digits and hyphens between dots, '*.' at most in front; a mail address has one behind its '@'; a URI is absolute.`,
    );
  return names;
}

/** Whether a name is what its kind says (RFC 5280 §4.2.1.6). */
const kinds: Readonly<Record<number, (text: string) => boolean>> = {
  [generalNameTags.dns]: (host) => asciiHostPattern(host) === host.toLowerCase(),
  [generalNameTags.email]: (mailbox) => asciiMailbox(mailbox) !== undefined,
  [generalNameTags.uri]: (uri) => asciiUri(uri) !== undefined,
};
