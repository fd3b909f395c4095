import { chooseShared } from '../../directory/shared-certificates.js';
import { HsmongerError } from '../../errors.js';
import { acceptable } from '../../x509/acceptable.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import type { CertificateRequest } from '../../x509/parse-csr.js';
import { verifySignature } from '../../x509/signature.js';
import type { Issued } from '../issuer.js';
import type { SharedStore } from './shared-store.js';

/** For whom a shared certificate is taken. */
export interface Taker {
  readonly csr: CertificateRequest;
  /** The certificate it has now. */
  readonly old?: Certificate;
  readonly now: Date;
}

/** Why nothing is taken, as a whole clause; `refused` where something is published that is not the one at hand. */
export interface Absent {
  readonly absent: string;
  readonly refused: boolean;
}

/**
 * The certificate another server has published, if it is a new one: of several that pass rule 3 the one with the latest end. The token's
 * key is proved by the request, which it signed. Otherwise why there is none, as a whole clause; the one that is there already is never
 * given as new.
 */
export async function takeShared(store: SharedStore, nickname: string, { csr, old, now }: Taker): Promise<Issued | Absent> {
  if (!verifySignature({ data: csr.info, algorithm: csr.signatureAlgorithm, signature: csr.signature }, csr.spki)) {
    throw new HsmongerError('CSR_SIGNATURE', 'The certificate request is not signed by its own key, so nothing says that the key on the token is the one a shared certificate belongs to.');
  }
  const [published, authorities] = await Promise.all([store.read(nickname), store.authorities()]);
  const check = (issued: Certificate) => acceptable({ now, issued, authorities, csr, ...(old === undefined ? {} : { old }) });
  // Rule 3 first: a wrong value that lasts longer must not hide the right one. Where none passes, the one that would have counted says why.
  const right = published.filter((one) => !('fault' in check(one)));
  const best = chooseShared(right.length > 0 ? right : published, { now, spki: csr.spki, authorities });
  const refused = published.some(({ der }) => old === undefined || !equalBytes(der, old.der));
  if (best === undefined) return { refused, absent: published.length === 0 ? 'nothing is published' : 'nothing is published that has this key and a valid chain' };
  if (old !== undefined && equalBytes(best.der, old.der)) return { refused: false, absent: 'the one that is published is the one this server has' };
  const found = check(best);
  return 'fault' in found ? { refused, absent: `of the one that is published, ${found.fault}` } : { certificate: best.der, chain: found.chain.map(({ der }) => der), roots: found.roots.map(({ der }) => der) };
}
