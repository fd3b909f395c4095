import type { TokenContents } from '../../../service/tasks/token/inspect-token.js';
import type { Certificate } from '../../../x509/certificate.js';
import { equalBytes } from '../../../x509/der.js';
import { nameText } from '../../../x509/names/name.js';
import { findPath } from '../../../x509/path.js';
import { readableCertificates } from '../../../x509/readable-certificates.js';
import type { Adoption, Obstacle } from './judge.js';

/** A CA with what stands above it. */
export interface Rooted extends Adoption {
  /** How many certificates stand above it. */
  readonly depth: number;
  /** Those of them that are not on the token, nor to be there as another [[ca]]'s, from its issuer upwards. */
  readonly missing: readonly Certificate[];
}

/**
 * A CA issues with its chain up to a root alone. `given` is what else its file holds; what is on the token and the other [[ca]] count, too.
 * `command` stores certificates of a chain.
 */
export function rooted(
  adoption: Adoption,
  given: readonly Certificate[],
  all: readonly Adoption[],
  { certificates }: TokenContents,
  command: string,
): Rooted | Obstacle {
  const { ca, certificate } = adoption;
  const there = [...readableCertificates(certificates.map(({ der }) => der)), ...all.map((one) => one.certificate)];
  const path = findPath(certificate, [...given, ...there]);
  if ('fault' in path)
    return {
      ca,
      problem: `The certificate of [[ca]] '${ca.id}', ${nameText(certificate.subject)}, was signed by another CA, and it could issue nothing: ${path.fault}. Append the certificates above it, the root included, to ${ca.cert}, or put each on the token with: ${command}; then run this again.`,
    };
  const above = [...path.chain, ...path.roots].filter(({ der }) => !equalBytes(der, certificate.der));
  return {
    ...adoption,
    depth: above.length,
    missing: above.filter((one) => !there.some(({ der }) => equalBytes(der, one.der))),
  };
}
