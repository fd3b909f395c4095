import type { CertificateRequest } from '../../x509/parse-csr.js';

/** Dogtag's ways of being asked, the best first. */
export const interfaceNames = ['v2', 'v1', 'servlets'] as const;
export type InterfaceName = (typeof interfaceNames)[number];

/** What is asked of the CA. */
export interface Wish {
  readonly csr: CertificateRequest;
  readonly profile: string;
  /** Dogtag's id of the lightweight CA that is to issue; the main one otherwise. */
  readonly issuerId?: string;
  /** A CA's certificate is renewed: whoever approves it lets it end after the CA certificate in use (outliving.ts). */
  readonly outlives?: true;
}

/** A request the CA has taken in. */
export interface RequestState {
  readonly id: string;
  readonly status: 'pending' | 'complete' | 'refused';
  /** Of the certificate, as the interface wrote it; 'complete' alone. */
  readonly serial?: string;
  /** The server's, one line; 'refused' alone. */
  readonly words?: string;
}

/** DER. */
export interface Delivered {
  readonly certificate: Uint8Array;
  /** What the CA says stands above it. */
  readonly chain: readonly Uint8Array[];
}

export type Approval =
  | 'approved'
  /** The request with this number is not for the wished key and subject: somebody else's. */
  | 'not ours'
  /** The agent is known and may not approve this. */
  | 'not allowed';

/**
 * One of Dogtag's interfaces. Every call fails with a HsmongerError, or with NoSuchInterface when the server does not have it (any more).
 * No call is made again by itself.
 */
export interface DogtagApi {
  readonly name: InterfaceName;
  submit(wish: Wish): Promise<RequestState>;
  /** Undefined when the CA has no such request. */
  check(requestId: string): Promise<RequestState | undefined>;
  approve(requestId: string, wish: Wish): Promise<Approval>;
  fetch(state: RequestState): Promise<Delivered>;
  /** Whether the CA says that the certificate with this serial number, hexadecimal, is revoked; undefined where it has no record of it. */
  isRevoked(serial: string): Promise<boolean | undefined>;
  /**
   * Certificates and requests that may be the wished ones, made since `since`, of a SUBMIT whose answer was lost; latest first, a few at
   * most.
   */
  findLost(wish: Wish, since: Date): Promise<readonly RequestState[]>;
  /** Renews a lightweight CA's own certificate; 'not there' where the server cannot do it, or has no such CA. */
  renewAuthority(id: string): Promise<'renewed' | 'not there'>;
  /** A lightweight CA's own certificate and chain, and its parent's id. Undefined where the server has no such CA. */
  authority(id: string): Promise<(Delivered & { readonly parent?: string }) | undefined>;
}
