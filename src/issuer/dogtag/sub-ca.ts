import { HsmongerError } from '../../errors.js';
import type { Clock } from '../../platform/clock.js';
import type { Certificate } from '../../x509/certificate.js';
import { nameText } from '../../x509/names/name.js';
import { sameKey } from '../../x509/public-key.js';
import { readableCertificates } from '../../x509/readable-certificates.js';
import type { Issued } from '../issuer.js';
import type { DogtagApi } from './api.js';
import { judge } from './judge.js';
import type { Order } from './order.js';

/**
 * Renews the certificate of a lightweight CA, which Dogtag does itself, with the CA's own key. A second time in a row nothing is renewed:
 * what the server has is handed out as long as it is right (design rule 5). Undefined where the server cannot do it; with `issuerId`,
 * the CA above it is to be asked as for any other certificate.
 */
export async function renewAuthority(
  api: DogtagApi,
  order: Order & { readonly authority: string },
  trusted: readonly Certificate[],
  clock: Clock,
): Promise<Issued | { readonly issuerId?: string }> {
  const before = await api.authority(order.authority);
  if (before === undefined) {
    if (api.name === 'servlets') return {};
    throw new HsmongerError(
      'CA_REFUSED',
      `The CA has no lightweight CA ${order.authority}; correct 'authority' of this certificate in the instance file ('pki ca-authority-find' lists them).`,
    );
  }
  const there = judge(order, before, trusted, clock());
  if (!(there instanceof HsmongerError)) return there;
  refuseOthersKey(order, before.certificate);
  if ((await api.renewAuthority(order.authority)) === 'not there') return before.parent === undefined ? {} : { issuerId: before.parent };
  // The clock is read again below: what was just issued may be valid from a later second than this began in.
  const after = await api.authority(order.authority);
  const answer =
    after === undefined
      ? new HsmongerError(
          'CA_ANSWER_INVALID',
          `The CA renewed lightweight CA ${order.authority} and does not give its certificate; look at the CA's log.`,
        )
      : judge(order, after, trusted, clock());
  if (answer instanceof HsmongerError) throw answer;
  return answer;
}

/**
 * Seen on Dogtag 10.10.2, whose lightweight CAs do not get ready where the CA's keys are on a token: asked to renew one, it renews the main
 * CA.
 */
function refuseOthersKey({ authority, wish: { csr } }: Order & { readonly authority: string }, der: Uint8Array): void {
  const [held] = readableCertificates([der]);
  if (held !== undefined && sameKey(held.spki, csr.spki)) return;
  throw new HsmongerError(
    'CA_REFUSED',
    `The certificate the CA has for lightweight CA ${authority} is ${held === undefined ? 'unreadable' : `${nameText(held.subject)}'s`} and has another key than the certificate request, so its renewal was not asked for; correct 'authority' of this certificate in the instance file.`,
  );
}
