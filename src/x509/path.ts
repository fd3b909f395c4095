import { sentenceOf } from '../errors.js';
import type { Certificate } from './certificate.js';
import { constrainedNames, nameOutside } from './names/constrained-names.js';
import { equalBytes } from './der.js';
import { allows, findExtension } from './extensions/extensions.js';
import { generalNameElementText } from './names/general-name-text.js';
import { nameText, sameName } from './names/name.js';
import { readNameConstraints } from './names/name-constraints.js';
import { oids } from './oids.js';
import { verifySignature } from './signature.js';

/** What stands above a certificate: the intermediates in order, then the self-signed root (the certificate itself, when it is one). */
export interface Path {
  readonly chain: readonly Certificate[];
  readonly roots: readonly Certificate[];
}

/** Longer chains are loops or mistakes. */
const maxLength = 8;
/**
 * In one search. Authorities of one name and key that sign each other make as many paths as there are orders of them; a real pool is
 * through after a dozen.
 */
const maxChecks = 200;

/** What one search has left of its checks. */
interface Effort {
  checks: number;
}

export function signedBy(certificate: Certificate, spki: Uint8Array): boolean {
  return verifySignature({ data: certificate.tbs, algorithm: certificate.signatureAlgorithm, signature: certificate.signature }, spki);
}

export function isSelfSigned(certificate: Certificate): boolean {
  return sameName(certificate.subject, certificate.issuer) && signedBy(certificate, certificate.spki);
}

/**
 * Whether a certificate is a CA's. 'either' where it does not say: no basic constraints, but it signs itself or may sign
 * certificates, as CA certificates of version 1 and of old tools do.
 */
export function role(certificate: Certificate): 'ca' | 'leaf' | 'either' {
  if (certificate.isCa) return 'ca';
  if (findExtension(certificate.extensions, oids.basicConstraints) !== undefined) return 'leaf';
  const maySign = allows(certificate, 'keyCertSign');
  return maySign === true || (maySign === undefined && isSelfSigned(certificate)) ? 'either' : 'leaf';
}

/** Why the certificate is not valid at `now`, as the end of a sentence; undefined when it is. */
export function validityFault({ notBefore, notAfter }: Pick<Certificate, 'notBefore' | 'notAfter'>, now: Date): string | undefined {
  if (now < notBefore) return `is not valid before ${notBefore.toISOString()}`;
  return now > notAfter ? `expired at ${notAfter.toISOString()}` : undefined;
}

/**
 * Finds and checks a path from `certificate` to a root among `candidates` (RFC 5280 §6.1: names, signatures, CA, key usage, path length,
 * name constraints; validity at `now`, where given). Of several issuers that fit, the one that lasts longest wins, whatever the order.
 */
export function findPath(certificate: Certificate, candidates: readonly Certificate[], now?: Date): Path | { readonly fault: string } {
  return extend([certificate], candidates, now, { checks: maxChecks });
}

function extend(
  path: readonly Certificate[],
  candidates: readonly Certificate[],
  now: Date | undefined,
  effort: Effort,
): Path | { readonly fault: string } {
  const [leaf] = path;
  const last = path.at(-1);
  if (leaf === undefined || last === undefined) return { fault: 'there is no certificate' };
  const invalid = now === undefined ? undefined : validityFault(last, now);
  if (invalid !== undefined) return { fault: `${nameText(last.subject)} ${invalid}` };
  if (isSelfSigned(last)) return { chain: path.slice(1, -1), roots: [last] };
  if (path.length >= maxLength) return { fault: `its chain is longer than ${String(maxLength)} certificates` };
  const issuers = candidates
    .filter((candidate) => mayIssue(candidate, path) && effort.checks-- > 0 && signedBy(last, candidate.spki))
    .sort((a, b) => b.notAfter.getTime() - a.notAfter.getTime());
  if (effort.checks < 0)
    return {
      fault: `no chain was found within ${String(maxChecks)} checks of a signature: too many certificates of ${nameText(last.issuer)} are at hand, take those away that are not in use`,
    };
  let fault = `no certificate of ${nameText(last.issuer)} is at hand whose key made the signature on ${nameText(last.subject)}`;
  for (const issuer of issuers) {
    const outside = nameOutsideOf(issuer, path);
    if (outside !== undefined) {
      fault = outside;
      continue;
    }
    const found = extend([...path, issuer], candidates, now, effort);
    if (!('fault' in found)) return found;
    fault = found.fault;
  }
  return { fault };
}

function mayIssue(candidate: Certificate, path: readonly Certificate[]): boolean {
  const last = path.at(-1);
  if (last === undefined || !sameName(candidate.subject, last.issuer) || path.some(({ der }) => equalBytes(der, candidate.der)))
    return false;
  // Intermediates below it, self-issued ones not counted (RFC 5280 §4.2.1.9).
  const below = path.slice(1).filter(({ subject, issuer }) => !sameName(subject, issuer)).length;
  return role(candidate) !== 'leaf' && allows(candidate, 'keyCertSign') !== false && (candidate.pathLength ?? maxLength) >= below;
}

/**
 * Why a name in the path below is none this authority may vouch for, as a whole clause; those of self-issued CAs do not count (RFC 5280
 * §6.1.3 b).
 */
function nameOutsideOf(issuer: Certificate, path: readonly Certificate[]): string | undefined {
  if (findExtension(issuer.extensions, oids.nameConstraints) === undefined) return undefined;
  try {
    const constraints = readNameConstraints(issuer.extensions);
    for (const [index, { subject, issuer: above, extensions }] of path.entries()) {
      if (index > 0 && sameName(subject, above)) continue;
      const outside = nameOutside(constrainedNames(subject, extensions), constraints);
      if (outside !== undefined)
        return `the name ${generalNameElementText(outside)} of ${nameText(subject)} is outside the name constraints of ${nameText(issuer.subject)}`;
    }
    return undefined;
  } catch (error) {
    return `${nameText(issuer.subject)} ${sentenceOf(error)}`;
  }
}
