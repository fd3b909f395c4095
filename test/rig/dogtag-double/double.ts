import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Certificate } from '../../../src/x509/certificate.js';
import type { InterfaceName } from '../../../src/issuer/dogtag/api.js';
import type { Keys } from '../../x509/material.js';

/**
 * A server that answers as Dogtag does, over real TLS: for the v2 interface, which the Dogtag of the laboratory lacks, and for failures the
 * real one cannot be made to show. JSON as the classes of com.netscape.certsrv write it, XML as captured from Dogtag 10.10.2.
 */
export interface DogtagDouble {
  readonly url: string;
  readonly caFile: string;
  readonly agent: { readonly certificate: string; readonly key: string };
  /** Agent certificates with a flaw. */
  readonly wrongAgents: Readonly<Record<'stranger' | 'powerless', { readonly certificate: string; readonly key: string }>>;
  /** "METHOD path" of every request, in order. */
  readonly asked: string[];
  /** What was taken in, by decimal number. */
  readonly requests: Map<number, DoubleRequest>;
  readonly ca: { readonly certificate: Certificate; readonly keys: Keys };
  /** Answers instead of the double where it returns true. */
  intercept?: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Called when the double's own answer is ready: true, and it is never sent. */
  cut?: (() => boolean) | undefined;
  /** The lightweight CA's own certificate now. */
  lightweight(): Certificate;
  approveByHand(id: number): Promise<void>;
  revoke(serial: string): void;
  /** Refuses connections for a while. */
  pause(ms: number): void;
  close(): Promise<void>;
}

export interface DoubleRequest {
  readonly id: number;
  readonly csr: Buffer;
  readonly profile: string;
  status: 'pending' | 'complete' | 'rejected' | 'canceled';
  certificate?: Certificate;
  words?: string;
  /** bypassCAnotafter, as it was approved with. */
  outlives?: string | undefined;
}

export interface DoubleOptions {
  readonly interfaces?: readonly InterfaceName[];
  /** Wants the review's nonce back, in the review's session. Default true, as Dogtag's. */
  readonly nonces?: boolean;
  /** A profile that needs no agent. */
  readonly automatic?: readonly string[];
  /** Of its own certificate. Default 'localhost'. */
  readonly serverName?: string;
  readonly serverExpired?: boolean;
  /** Turns down the TLS connection of who shows no certificate of its CA. */
  readonly clientCertificateRequired?: boolean;
  /**
   * Days a certificate lives; a CA's is cut at its issuer's end, as Dogtag does, unless its approval says bypassCAnotafter. Default 720.
   */
  readonly days?: number;
  /** Does not look at bypassCAnotafter in an approval, as Dogtag since 11.1. */
  readonly cutsCa?: boolean;
  readonly lightweight?: {
    readonly id: string;
    readonly keys: Keys;
    readonly subject: string;
    readonly renewable: boolean;
    readonly ready?: boolean;
  };
}
