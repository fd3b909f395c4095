import { revocationReasons, type RevocationReason } from '../../config/revocation-reason.js';
import { bitString, element, objectIdentifier, octetString, sequence } from '../der.js';
import { encodeExtension } from '../extensions/extensions.js';
import { invalidityExtension } from '../crl/build.js';
import { oids } from '../oids.js';
import { encodeGeneralizedTime } from '../time.js';

/** RFC 6960 §4.2.1; 4 is not used. */
const statuses = { successful: 0, malformedRequest: 1, internalError: 2, tryLater: 3, sigRequired: 5, unauthorized: 6 } as const;
export type OcspFailure = Exclude<keyof typeof statuses, 'successful' | 'sigRequired'>;

export type CertificateStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly at: Date; readonly reason: RevocationReason; readonly invalidity?: Date }
  | { readonly kind: 'unknown' };

export interface SingleResponse {
  /** DER CertID as it was asked. */
  readonly certId: Uint8Array;
  readonly status: CertificateStatus;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}

export type ResponderId =
  | { readonly by: 'name'; /** DER Name. */ readonly name: Uint8Array }
  | { readonly by: 'key'; /** SHA-1 of the key's bits. */ readonly keyHash: Uint8Array };

/** What an answer to be signed says. */
export interface ResponseFields {
  readonly responderId: ResponderId;
  readonly producedAt: Date;
  readonly responses: readonly SingleResponse[];
  /** Content of the nonce extension. */
  readonly nonce?: Uint8Array;
}

/** DER ResponseData of version 1. */
export function buildResponseData({ responderId, producedAt, responses, nonce }: ResponseFields): Uint8Array {
  return sequence(
    responderId.by === 'name' ? element(0xa1, responderId.name) : element(0xa2, octetString(responderId.keyHash)),
    encodeGeneralizedTime(producedAt),
    sequence(...responses.map(encodeSingle)),
    ...(nonce === undefined ? [] : [element(0xa1, sequence(encodeExtension({ oid: oids.ocspNonce, critical: false, value: nonce })))]),
  );
}

/** DER OCSPResponse, successful, from what was signed, how, the signature, and the certificates that prove the signer. */
export function assembleResponse(
  data: Uint8Array,
  signatureAlgorithm: Uint8Array,
  signature: Uint8Array,
  certificates: readonly Uint8Array[],
): Uint8Array {
  const basic = sequence(
    data,
    signatureAlgorithm,
    bitString(signature),
    ...(certificates.length === 0 ? [] : [element(0xa0, sequence(...certificates))]),
  );
  return sequence(statusOf('successful'), element(0xa0, sequence(objectIdentifier(oids.ocspBasic), octetString(basic))));
}

/** DER OCSPResponse that says why there is no answer; not signed (§2.3). */
export function failureResponse(failure: OcspFailure): Uint8Array {
  return sequence(statusOf(failure));
}

function statusOf(status: keyof typeof statuses): Uint8Array {
  return element(0x0a, Uint8Array.of(statuses[status]));
}

function encodeSingle({ certId, status, thisUpdate, nextUpdate }: SingleResponse): Uint8Array {
  // The date is an extension of a CRL's entry, which may stand here too (§4.4.5).
  const invalidity = status.kind === 'revoked' ? status.invalidity : undefined;
  return sequence(
    certId,
    encodeStatus(status),
    encodeGeneralizedTime(thisUpdate),
    element(0xa0, encodeGeneralizedTime(nextUpdate)),
    ...(invalidity === undefined ? [] : [element(0xa1, sequence(encodeExtension(invalidityExtension(invalidity))))]),
  );
}

function encodeStatus(status: CertificateStatus): Uint8Array {
  switch (status.kind) {
    case 'good':
      return element(0x80);
    case 'revoked':
      return element(
        0xa1,
        encodeGeneralizedTime(status.at),
        ...(status.reason === 'unspecified' ? [] : [element(0xa0, element(0x0a, Uint8Array.of(revocationReasons[status.reason])))]),
      );
    case 'unknown':
      return element(0x82);
  }
}
