import { HsmongerError } from '../../errors.js';
import type { Clock } from '../../platform/clock.js';
import { acceptable } from '../../x509/acceptable.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import { nameText } from '../../x509/names/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { parseCsr } from '../../x509/parse-csr.js';
import type { Issued, Issuer } from '../issuer.js';
import { readImported } from './imported.js';

export interface ExternalIssuerParts {
  /** The instance's own. */
  readonly stateDirectory: string;
  readonly clock: Clock;
  /** What is trusted beside the chain that came with an answer. */
  readonly authorities: () => Promise<readonly Certificate[]>;
}

/**
 * It issues nothing itself: enrol() hands out an answer that has been imported and is right, and refuses with ISSUER_EXTERNAL otherwise.
 */
interface ExternalIssuer extends Issuer {
  enrol(enrolment: Parameters<Issuer['enrol']>[0]): Promise<Issued>;
}

/** A CA outside, reached by an administrator: `hsmonger ca csr` gives the request, `hsmonger ca import` takes the answer. */
export function createExternalIssuer({ stateDirectory, clock, authorities }: ExternalIssuerParts): ExternalIssuer {
  return {
    enrol: async ({ csr, oldCertificate }) => {
      const request = parseCsr(csr);
      const old = oldCertificate === undefined ? undefined : parseCertificate(oldCertificate, 'The certificate to be renewed');
      const imported = readImported(stateDirectory, request.spki);
      const subject = nameText(request.subject);
      if (imported === undefined || (old !== undefined && equalBytes(imported.certificate.der, old.der)))
        throw waiting(subject, 'no answer of that CA has been imported');
      const found = acceptable({
        now: clock(),
        issued: imported.certificate,
        authorities: [...imported.chain, ...(await authorities())],
        csr: request,
        ...(old === undefined ? {} : { old }),
      });
      if ('fault' in found) throw waiting(subject, `of the answer that was imported, ${found.fault}`);
      return { certificate: imported.certificate.der, chain: found.chain.map(({ der }) => der), roots: found.roots.map(({ der }) => der) };
    },
    roots: () => Promise.resolve({ chain: [], roots: [] }),
    close: () => Promise.resolve(),
  };
}

// In front the words FreeIPA's helper has for it.
function waiting(subject: string, why: string): HsmongerError {
  return new HsmongerError(
    'ISSUER_EXTERNAL',
    `Updated certificate not available: ${subject} is to be signed by another CA, and ${why}. Have its request signed ('hsmonger ca csr') and hand the answer to 'hsmonger ca import'.`,
  );
}
