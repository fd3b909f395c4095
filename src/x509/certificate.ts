/** Facts of a certificate, parsed once; every byte string is a copy of the certificate's own encoding, never re-encoded. */
export interface Certificate {
  readonly der: Uint8Array;
  /** DER Name. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  /** Content octets of the INTEGER, big-endian, as encoded. */
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly extensions: readonly Extension[];
  readonly tbs: Uint8Array;
  /** DER AlgorithmIdentifier of the signature. */
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
  /** basicConstraints cA. */
  readonly isCa: boolean;
  readonly pathLength?: number;
  /** Key identifier octets. */
  readonly subjectKeyId?: Uint8Array;
  readonly authorityKeyId?: Uint8Array;
}

export interface Extension {
  /** Dotted. */
  readonly oid: string;
  readonly critical: boolean;
  /** Content of the extnValue OCTET STRING. */
  readonly value: Uint8Array;
}
