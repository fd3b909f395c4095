import type { CaConfig, TokenIssuerConfig } from '../../../config/instance.js';
import { type CertificateRequest, parseCsr } from '../../../x509/parse-csr.js';
import { openKey } from '../../../x509/public-key.js';
import { verifySignatureAside } from '../../../x509/signature.js';
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

/** A request whose requester has its key; CSR_INVALID, CSR_SIGNATURE, WEAK_KEY or WEAK_DIGEST otherwise. */
export async function provenRequest(der: Uint8Array): Promise<CertificateRequest> {
  const csr = parseCsr(der);
  assertSound(csr);
  if (!(await verifySignatureAside(signedPart(csr), openKey(csr.spki)))) throw notItsOwn();
  return csr;
}

/** What a proven request gets by an order at `now`. */
export function planOrdered(now: Date, { authority, limits, config, ca }: IssuingCa, csr: CertificateRequest, order: IssueOrder): IssuePlan {
  return planIssue(now, { csr, ...order, issuer: authority.certificate, limits, ca, lifetimeDays: config.lifetimeDays, backdateSeconds: config.backdateSeconds });
}
