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
  /**
   * Whether this server never saved a certificate that certmonger holds all the same, read off the token it shares; never where it is not
   * given.
   */
  readonly missed?: (certificate: Certificate) => boolean;
}

/** Why nothing is taken, as a whole clause; `refused` where something is published that is not the one at hand. */
export interface Absent {
  readonly absent: string;
  readonly refused: boolean;
}

/**
 * The certificate another server has published, if it is a new one: of several that pass rule 3 the one with the latest end. The token's
 * key is proved by the request, which it signed. Otherwise why there is none, as a whole clause; the one that is there already is never
 * given as new, unless it is there by another server's hand alone.
 */
export async function takeShared(store: SharedStore, nickname: string, { csr, old: held, now, missed }: Taker): Promise<Issued | Absent> {
  if (!verifySignature({ data: csr.info, algorithm: csr.signatureAlgorithm, signature: csr.signature }, csr.spki)) {
    throw new HsmongerError(
      'CSR_SIGNATURE',
      'The certificate request is not signed by its own key, so nothing says that the key on the token is the one a shared certificate belongs to.',
    );
  }
  const [published, authorities] = await Promise.all([store.read(nickname), store.authorities()]);
  const check = (issued: Certificate, old: Certificate | undefined) =>
    acceptable({ now, issued, authorities, csr, ...(old === undefined ? {} : { old }) });
  // Rule 3 first: a wrong value that lasts longer must not hide the right one. Where none passes, the one that would have counted says why.
  const right = published.filter((one) => !('fault' in check(one, held)));
  const best = chooseShared(right.length > 0 ? right : published, { now, spki: csr.spki, authorities });
  const refused = published.some(({ der }) => held === undefined || !equalBytes(der, held.der));
  if (best === undefined)
    return {
      refused,
      absent: published.length === 0 ? 'nothing is published' : 'nothing is published that has this key and a valid chain',
    };
  const same = held !== undefined && equalBytes(best.der, held.der);
  if (same && missed?.(best) !== true) return { refused: false, absent: 'the one that is published is the one this server has' };
  // What it renews is not known any more where it is the same; it has the key and the subject of the request.
  const found = check(best, same ? undefined : held);
  return 'fault' in found
    ? { refused, absent: `of the one that is published, ${found.fault}` }
    : { certificate: best.der, chain: found.chain.map(({ der }) => der), roots: found.roots.map(({ der }) => der) };
}
