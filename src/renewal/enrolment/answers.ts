import { helperReaction, type HsmongerError } from '../../errors.js';
import type { Issued } from '../../issuer/issuer.js';
import type { NamedCertificate, Outcome } from '../../protocol/outcome.js';
import { commonNameOf } from '../../x509/names/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateToPem } from '../../x509/pem.js';

export function issuedOutcome({ certificate, chain, roots }: Issued): Outcome {
  return {
    kind: 'issued',
    certificate: certificateToPem(certificate),
    chain: chain.map(certificateToPem),
    roots: namedCertificates(roots),
  };
}

export function namedCertificates(certificates: readonly Uint8Array[]): NamedCertificate[] {
  return certificates.map((der) => ({ nickname: commonNameOf(parseCertificate(der).subject), certificate: certificateToPem(der) }));
}

/** What certmonger is told of a failure; `cookie` goes with it where it is to come back. */
export function failureOutcome(failure: HsmongerError, cookie?: string): Outcome {
  const reaction = helperReaction(failure.code);
  switch (reaction) {
    case 'rejected':
      return { kind: 'rejected', reason: failure.message };
    case 'unconfigured':
      return { kind: 'unconfigured', reason: failure.message };
    default:
      return { kind: 'retry', afterSeconds: reaction.retryAfterSeconds, ...(cookie === undefined ? {} : { cookie }) };
  }
}
