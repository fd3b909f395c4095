import { equalBytes } from '../../../x509/der.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { certificateOf, ourRequests } from '../certmonger/ours.js';
import { read, type ReadCertificate } from '../chain/read.js';

/** Longer than certmonger takes from an answer to its place. */
const savingMs = 3_600_000;

/** What was issued, what lies in its store and what certmonger reads are one certificate. */
export const ledgerMatches: Check = {
  source: 'hsmonger.state',
  name: 'LedgerMatchesStores',
  about: 'The latest certificate of the ledger, the one in its store and the one certmonger reads are the same.',
  run: ({ state, chain, certmonger, instance, now }) =>
    known(chain, (facts) =>
      orFine(
        read(facts).flatMap((one) => [
          ...known(state, ({ issued }) => {
            const last = issued.find(
              ({ subjectKey, profile }) => profile === one.profile && subjectKey === keyFingerprint(one.certificate.spki),
            );
            return last === undefined || last.notAfter <= one.certificate.notAfter || now.getTime() - last.issuedAt.getTime() < savingMs
              ? []
              : [unsaved(one, last.issuedAt)];
          }),
          ...known(certmonger, ({ requests }) => {
            const request = ourRequests(instance, requests).find(({ config }) => config.nickname === one.nickname)?.request;
            return request?.status === 'MONITORING' && holdsAnother(request, one) ? [stale(one, request.nickname)] : [];
          }),
        ]),
        'Ledger, stores and certmonger know the same certificates.',
      ),
    ),
};

function unsaved({ nickname }: ReadCertificate, at: Date): Finding {
  return {
    severity: 'error',
    key: nickname,
    message: `A certificate for '${nickname}' was issued at ${at.toISOString()}, and an older one is in its place: certmonger has not saved it.`,
    fix: `Have it saved with: hsmonger renew '${nickname}'; it gets the same one.`,
  };
}

/** As after ipa-cert-fix: it renews by what it read last. */
function stale({ nickname, certificate }: ReadCertificate, id: string): Finding {
  return {
    severity: 'warning',
    key: nickname,
    message: `certmonger (request '${id}') holds another certificate than the one that lies in the store of '${nickname}' and ends at ${certificate.notAfter.toISOString()}, so it renews at the wrong time.`,
    fix: 'Have it read again: systemctl restart certmonger.',
  };
}

function holdsAnother(request: Parameters<typeof certificateOf>[0], { certificate }: ReadCertificate): boolean {
  const held = certificateOf(request);
  return held !== undefined && !equalBytes(held.der, certificate.der);
}
