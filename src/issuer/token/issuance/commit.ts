import type { Database } from '../../../ledger/database.js';
import { atOnce } from '../../../ledger/exclusively.js';
import { findIssued, insertIssued, type IssuedRow } from '../../../ledger/issued.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import { assertKeyNotWithdrawn } from '../revocation/withdrawn.js';
import type { Clerk, Prepared } from './clerk.js';
import type { IssueParts } from './issue-many.js';
import { givenFor, refusal, type IssueResult } from './results.js';

/** A certificate that was signed and judged, and that nobody may have before it is in the ledger. */
export interface Signed extends Prepared {
  /** Of its request among all. */
  readonly index: number;
  readonly certificate: Uint8Array;
}

/**
 * Writes certificates down in one transaction; what another process, or another file with the same request, has got in the meantime takes
 * the place of ours.
 */
export function commitAll(
  { desk: { ca }, ledger, clock, uid, busyMs }: Pick<IssueParts, 'desk' | 'ledger' | 'clock' | 'uid' | 'busyMs'>,
  judge: Clerk['judge'],
  signed: readonly Signed[],
): Promise<(readonly [number, IssueResult])[]> {
  const issuerKey = keyFingerprint(ca.authority.certificate.spki);
  const issuedAt = clock();
  return atOnce(ledger, busyMs, () =>
    signed.map(({ index, name, withheld, certificate, spki, keys, row }) => {
      try {
        // The key may have been revoked while the token signed.
        assertKeyNotWithdrawn(ledger, keys);
      } catch (error) {
        return [index, refusal(name, error)] as const;
      }
      const earlier = standing(ledger, row.request);
      if (earlier !== undefined && judge(earlier.certificate, spki) === undefined)
        return [index, givenFor(name, earlier.certificate, true, withheld)] as const;
      insertIssued(ledger, { ...row, issuerKey, certificate, issuedAt, uid });
      return [index, givenFor(name, certificate, false, withheld)] as const;
    }),
  );
}

/** What was issued for a request and is not revoked; whether it may be handed out today is the judge's to say. */
export function standing(ledger: Database, request: string): IssuedRow | undefined {
  const row = findIssued(ledger, request);
  return row?.revokedAt === undefined ? row : undefined;
}
