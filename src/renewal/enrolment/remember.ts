import { sentenceOf } from '../../errors.js';
import { defaultProfile } from '../../config/profile-names.js';
import type { Database } from '../../ledger/database.js';
import { listOutcomes, recordOutcome, type OutcomeRow } from '../../ledger/outcomes.js';
import type { EnrolVariables } from '../../protocol/operation.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { parseCsr } from '../../x509/parse-csr.js';
import { certificateFromPem, csrFromPem } from '../../x509/pem.js';
import { keyFingerprint } from '../../x509/public-key.js';

/**
 * Exit 5 clears certmonger's ca-error (submit-e.c:206-232), so this is where `status` finds the reason. Keyed by the old certificate's key,
 * which is there and parses even where the CSR does not. That it cannot be written down must not change the answer.
 */
export function rememberOutcome(
  ledger: Database,
  { csr, oldCertificate, profile = defaultProfile }: EnrolVariables,
  outcome: Pick<OutcomeRow, 'code' | 'message' | 'at' | 'uid'>,
): void {
  if (csr === undefined && oldCertificate === undefined) return;
  try {
    const subjectKey = keyFingerprint(
      oldCertificate === undefined ? parseCsr(csrFromPem(csr ?? '')).spki : parseCertificate(certificateFromPem(oldCertificate)).spki,
    );
    // A commit waits for the disk: nothing is written where there is no trouble to take back.
    if (
      outcome.code === 'ISSUED' &&
      !listOutcomes(ledger).some((row) => row.subjectKey === subjectKey && row.profile === profile && row.code !== 'ISSUED')
    )
      return;
    recordOutcome(ledger, { subjectKey, profile, ...outcome });
  } catch (error) {
    process.stderr.write(`hsmonger-submit: the outcome ${outcome.code} could not be written down: ${sentenceOf(error)}\n`);
  }
}
