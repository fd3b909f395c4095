import type { KeyObject } from 'node:crypto';
import type { CaConfig, TokenIssuerConfig } from '../../../config/instance.js';
import { type CertificateRequest, parseCsr } from '../../../x509/parse-csr.js';
import { verifySignatureWith } from '../../../x509/signature.js';
import type { Authority } from '../authority.js';
import type { IssuePlan } from '../decide.js';
import { assertSound, notItsOwn, signedPart } from '../sound.js';
import { limitsOf, type AuthorityLimits } from './limits.js';
import type { IssueOrder } from './order.js';
import { planIssue } from './plan.js';

/** The CA that issues, and what its instance file says. */
export interface IssuingCa {
  readonly authority: Authority;
  readonly limits: AuthorityLimits;
  readonly config: TokenIssuerConfig;
  readonly ca: CaConfig;
}

export function issuingCa(authority: Authority, config: TokenIssuerConfig, ca: CaConfig): IssuingCa {
  return { authority, limits: limitsOf(authority), config, ca };
}

/** A request whose key and digest are worth something; CSR_INVALID, WEAK_KEY or WEAK_DIGEST otherwise. */
export function soundRequest(der: Uint8Array): CertificateRequest {
  const csr = parseCsr(der);
  assertSound(csr);
  return csr;
}

/** CSR_SIGNATURE unless the requester has the key. */
export function assertProven(csr: CertificateRequest, key: KeyObject | undefined): void {
  if (!verifySignatureWith(signedPart(csr), key)) throw notItsOwn();
}

/** What a request gets by an order at `now`. */
export function planOrdered(
  now: Date,
  { authority, limits, config, ca }: IssuingCa,
  csr: CertificateRequest,
  order: IssueOrder,
): IssuePlan {
  return planIssue(now, {
    csr,
    ...order,
    issuer: authority.certificate,
    limits,
    ca,
    lifetimeDays: config.lifetimeDays,
    backdateSeconds: config.backdateSeconds,
  });
}
