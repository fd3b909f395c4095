import { revocationReasons, type RevocationReason } from '../../config/revocation-reason.js';
import type { Extension } from '../certificate.js';
import { bitString, element, integer, sequence, unsigned } from '../der.js';
import { authorityKeyIdExtension, encodeExtension } from '../extensions/extensions.js';
import { oids } from '../oids.js';
import { encodeGeneralizedTime, encodeTime } from '../time.js';

/** One certificate on a CRL. */
export interface CrlEntry {
  /** Content octets of the INTEGER. */
  readonly serial: Uint8Array;
  readonly revokedAt: Date;
  readonly reason: RevocationReason;
  readonly invalidity?: Date;
}

/** What a CRL to be signed says. */
export interface CrlFields {
  /** DER Name. */
  readonly issuer: Uint8Array;
  /** The issuer's key identifier. */
  readonly keyId: Uint8Array;
  readonly number: bigint;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly entries: readonly CrlEntry[];
  /** DER AlgorithmIdentifier of the signature to come. */
  readonly signatureAlgorithm: Uint8Array;
}

/** Version 2, which the extensions want (RFC 5280 §5.1.2.1). */
const version2 = integer(Uint8Array.of(1));

/** DER TBSCertList (RFC 5280 §5.1); the issuer's name goes in as it is. */
export function buildTbsCertList({ issuer, keyId, number, thisUpdate, nextUpdate, entries, signatureAlgorithm }: CrlFields): Uint8Array {
  const extensions = [authorityKeyIdExtension(keyId), crlNumberExtension(number)];
  return sequence(
    version2,
    signatureAlgorithm,
    issuer,
    encodeTime(thisUpdate),
    encodeTime(nextUpdate),
    // §5.1.2.6: absent where nothing is revoked. Joined before, as a call takes only so many arguments.
    ...(entries.length === 0 ? [] : [sequence(Buffer.concat(entries.map(encodeEntry)))]),
    element(0xa0, sequence(...extensions.map(encodeExtension))),
  );
}

/** DER CertificateList from what was signed, how, and the signature. */
export function assembleCrl(tbs: Uint8Array, signatureAlgorithm: Uint8Array, signature: Uint8Array): Uint8Array {
  return sequence(tbs, signatureAlgorithm, bitString(signature));
}

function encodeEntry({ serial, revokedAt, reason, invalidity }: CrlEntry): Uint8Array {
  const known = encodedReasons.get(reason);
  const extensions = [
    ...(known === undefined ? [] : [known]),
    ...(invalidity === undefined ? [] : [encodeExtension(invalidityExtension(invalidity))]),
  ];
  return sequence(integer(serial), encodeTime(revokedAt), ...(extensions.length === 0 ? [] : [sequence(...extensions)]));
}

/** Once for all entries of a list that may have hundreds of thousands. §5.3.1: absent rather than unspecified. */
const encodedReasons: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries(revocationReasons).flatMap(([reason, code]) =>
    code === revocationReasons.unspecified
      ? []
      : [[reason, encodeExtension({ oid: oids.reasonCode, critical: false, value: element(0x0a, Uint8Array.of(code)) })] as const],
  ),
);

/** Not critical (§5.2.3). */
function crlNumberExtension(number: bigint): Extension {
  return { oid: oids.crlNumber, critical: false, value: unsigned(number) };
}

/** Of a CRL's entry, and of an OCSP answer (RFC 6960 §4.4.5). */
export function invalidityExtension(date: Date): Extension {
  return { oid: oids.invalidityDate, critical: false, value: encodeGeneralizedTime(date) };
}
