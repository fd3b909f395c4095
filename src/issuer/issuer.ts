/** One request for one certificate, as certmonger's variables give it, already parsed into byte strings by src/protocol. */
export interface Enrolment {
  /** DER PKCS#10. */
  readonly csr: Uint8Array;
  /** DER of the certificate certmonger holds now: present on a renewal. */
  readonly oldCertificate?: Uint8Array;
  /** CERTMONGER_CA_PROFILE; the issuer's default otherwise. */
  readonly profile?: string;
  /** Dogtag's id of the lightweight CA whose own certificate is renewed; other issuers do not look at it. */
  readonly authority?: string;
  /**
   * The CA's own certificate is to be signed by its own key, though another CA signed the one that is there; issuers that leave that to
   * their server do not look at it.
   */
  readonly selfSigned?: true;
  /** What an earlier answer gave as `Pending.pending`: the request goes on there. One the issuer does not know any more begins anew. */
  readonly pending?: string;
}

/** DER certificates. `chain` holds the intermediates between the certificate and the root, `roots` the self-signed ones. */
export interface Issued {
  readonly certificate: Uint8Array;
  readonly chain: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
}

/** The CA has the request and wants to be asked again. */
export interface Pending {
  /** Names the request to the issuer; one line, no secret: certmonger stores it in clear. */
  readonly pending: string;
  readonly afterSeconds: number;
  /** A sentence: what it waits for. */
  readonly message: string;
}

/** A CA, whatever stands behind it. Failures are HsmongerError; its code says whether asking again makes sense. */
export interface Issuer {
  enrol(enrolment: Enrolment): Promise<Issued | Pending>;
  roots(): Promise<Pick<Issued, 'chain' | 'roots'>>;
  close(): Promise<void>;
}
