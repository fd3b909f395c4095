import { HsmongerError } from '../../../errors.js';
import type { Extension } from '../../../x509/certificate.js';
import { elementsIn } from '../../../x509/der.js';
import { findExtension } from '../../../x509/extensions/extensions.js';
import { generalNameTags } from '../../../x509/names/general-name.js';
import { nameText } from '../../../x509/names/name.js';
import { oids } from '../../../x509/oids.js';
import type { IssuePlan } from '../decide.js';
import { assertAnother } from '../sound.js';
import { validityBelow, type Terms } from '../validity.js';
import { certified, type Certifying } from './certified.js';
import type { IssueOrder } from './order.js';
import { withUsages } from './ordered-usages.js';

/** One certificate that an administrator orders from the CA; its request is sound and signed by its own key. */
export type Issuance = Omit<Certifying, 'policy'> & Terms & Pick<IssueOrder, 'extendedKeyUsage'>;

/** What to sign at `now`, or why not. It ends no later than the CA's own certificate, and begins no earlier. */
export function planIssue(now: Date, facts: Issuance): IssuePlan {
  const { csr, issuer, profile } = facts;
  if (profile.issue === undefined)
    throw new HsmongerError(
      'OLD_CERTIFICATE_MISSING',
      `By profile ${profile.name} certificates are renewed, never issued anew; choose another profile.`,
    );
  const policy = withUsages(profile.issue, facts.extendedKeyUsage);
  const { subject, extensions } = certified({ ...facts, policy });
  assertAnother(csr.spki, subject, issuer);
  if (policy.extendedKeyUsage.includes(oids.serverAuth) && !namesService(extensions)) {
    throw new HsmongerError(
      'NAME_REFUSED',
      `Neither the request for ${nameText(subject)} nor --san names a host, and a server's certificate that names none in its subject alternative name is taken by no client (RFC 9525 §6.1); say --san dns:… or ip:…, or choose another --profile.`,
    );
  }
  return {
    profile,
    subject,
    issuer: issuer.subject,
    spki: csr.spki,
    ...validityBelow(now, facts, issuer),
    extensions,
  };
}

/** otherName (SRVName, RFC 4985), dNSName, uniformResourceIdentifier, iPAddress: what a client looks for (RFC 9525 §2). */
const serviceTags: ReadonlySet<number | undefined> = new Set([0xa0, generalNameTags.dns, generalNameTags.uri, generalNameTags.ip]);

function namesService(extensions: readonly Extension[]): boolean {
  const names = findExtension(extensions, oids.subjectAltName);
  return names !== undefined && elementsIn(names.value).some(([tag]) => serviceTags.has(tag));
}
