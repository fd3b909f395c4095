import { HsmongerError } from '../../errors.js';
import { acceptable } from '../../x509/acceptable.js';
import type { Certificate } from '../../x509/certificate.js';
import { nameText, sameName } from '../../x509/names/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { isSelfSigned, role } from '../../x509/path.js';
import { sameKey } from '../../x509/public-key.js';
import { readableCertificates } from '../../x509/readable-certificates.js';
import type { Issued } from '../issuer.js';
import type { Delivered } from './api.js';
import type { Order } from './order.js';

/** What the CA delivered, as certmonger would get it (design rule 3), or why it is not handed out. `trusted` is issuer.ca-file's. */
export function judge(
  order: Pick<Order, 'wish' | 'old'>,
  delivered: Delivered,
  trusted: readonly Certificate[],
  now: Date,
): Issued | HsmongerError {
  const { wish, old } = order;
  let issued: Certificate;
  try {
    issued = parseCertificate(delivered.certificate, 'The certificate the CA delivered');
  } catch (error) {
    return new HsmongerError('CA_ANSWER_INVALID', error instanceof Error ? error.message : String(error), { cause: error });
  }
  const found = acceptable({
    now,
    issued,
    authorities: authoritiesOf(readableCertificates(delivered.chain), trusted),
    csr: wish.csr,
    ...(old === undefined ? {} : { old }),
  });
  if (!('fault' in found))
    return { certificate: issued.der, chain: found.chain.map(({ der }) => der), roots: found.roots.map(({ der }) => der) };
  if (old !== undefined && issued.notAfter <= old.notAfter) return notLonger(wish.profile, issued, old);
  return new HsmongerError(
    'ISSUED_WRONG',
    `The certificate the CA issued for ${nameText(wish.csr.subject)} with profile ${wish.profile} is not handed out: ${found.fault}.`,
  );
}

/**
 * What may stand above a certificate. A root does for being in issuer.ca-file, or renewed with the key of one that is, never for being
 * delivered beside what it signed.
 */
export function authoritiesOf(delivered: readonly Certificate[], trusted: readonly Certificate[]): Certificate[] {
  const known = (root: Certificate) => trusted.some(({ subject, spki }) => sameName(subject, root.subject) && sameKey(spki, root.spki));
  return [...delivered.filter((one) => !isSelfSigned(one) || known(one)), ...trusted];
}

/**
 * Dogtag cuts a CA certificate's life at that of the CA certificate in use. PKI 10.10 does not where its approval says so (outliving.ts),
 * and never with ca.enablePastCATime; since 11.1 it takes two settings (CAValidityDefault.java, CAService.java).
 */
function notLonger(profile: string, issued: Certificate, old: Certificate): HsmongerError {
  const what = `The certificate the CA issued for ${nameText(old.subject)} ends at ${issued.notAfter.toISOString()}, no later than the one it should replace (${old.notAfter.toISOString()}), so nothing was renewed`;
  return new HsmongerError(
    'NOT_LONGER',
    role(old) === 'ca'
      ? `${what}: Dogtag ends it with the CA certificate in use unless, up to PKI 11.0, CS.cfg has ca.enablePastCATime=true or, since 11.1, profile ${profile} has bypassCAnotafter=true (in the parameters of its CAValidityDefault) and CS.cfg ca.enablePastCATime_caCert=true; set what fits, restart the CA and ask again.`
      : `${what}: the CA's own certificate ends first, or the range of profile ${profile} is too short; renew the CA first.`,
  );
}
