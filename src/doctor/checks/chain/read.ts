import type { Certificate } from '../../../x509/certificate.js';
import { findPath, type Path } from '../../../x509/path.js';
import { readableCertificates, readableObjects } from '../../../x509/readable-certificates.js';
import type { ChainFacts, FoundCertificate } from '../../facts/chain.js';

export interface ReadCertificate extends Omit<FoundCertificate, 'der'> {
  readonly certificate: Certificate;
}

/** The instance's certificates, parsed: what cannot be read was not found. */
export function read({ certificates }: ChainFacts): ReadCertificate[] {
  return readableObjects(certificates);
}

/** Without the clock: that something in a chain has expired, the checks of that say, with a date. */
export function pathOf(certificate: Certificate, { atHand }: ChainFacts): Path | { readonly fault: string } {
  return findPath(certificate, readableCertificates(atHand));
}

/** Everything above the certificate, none where no chain is found. */
export function above(certificate: Certificate, facts: ChainFacts): readonly Certificate[] {
  const path = pathOf(certificate, facts);
  return 'fault' in path ? [] : [...path.chain, ...path.roots.filter((root) => root !== certificate)];
}
