import { asHsmongerError } from '../../../errors.js';
import { exclusively } from '../../../ledger/exclusively.js';
import { findIssued, insertIssued } from '../../../ledger/issued.js';
import { nameText } from '../../../x509/names/name.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import type { IssuePlan } from '../decide.js';
import { assertNotWithdrawn } from '../revocation/withdrawn.js';
import type { IssueParts, IssueResult, Refused } from './issue-many.js';
import type { Judge } from './judge.js';

/** A certificate that was signed and judged, and that nobody may have before it is in the ledger. */
export interface Signed {
  /** Of its request among all. */
  readonly index: number;
  readonly name: string;
  readonly certificate: Uint8Array;
  /** See orderedRequest(). */
  readonly request: string;
  readonly plan: IssuePlan;
  /** Content octets. */
  readonly serial: Uint8Array;
}

/** Writes certificates down in one transaction; what another process, or another file with the same request, has got in the meantime takes the place of ours. */
export function commitAll({ ca, ledger, clock, uid, busyMs }: Pick<IssueParts, 'ca' | 'ledger' | 'clock' | 'uid' | 'busyMs'>, judge: Judge, signed: readonly Signed[]): Promise<(readonly [number, IssueResult])[]> {
  const issuerKey = keyFingerprint(ca.authority.certificate.spki);
  const issuedAt = clock();
  return exclusively(ledger, busyMs, () =>
    Promise.resolve(
      signed.map(({ index, name, certificate, request, plan, serial }) => {
        try {
          // The key may have been revoked while the token signed.
          assertNotWithdrawn(ledger, { spki: plan.spki });
        } catch (error) {
          return [index, refusal(name, error)] as const;
        }
        const row = findIssued(ledger, request);
        if (row !== undefined && row.revokedAt === undefined && judge(row.certificate, plan.spki) === undefined) return [index, { name, certificate: row.certificate, before: true }] as const;
        insertIssued(ledger, {
          issuerKey,
          serial: Buffer.from(serial).toString('hex'),
          request,
          profile: plan.profile.name,
          subject: nameText(plan.subject),
          subjectKey: keyFingerprint(plan.spki),
          notBefore: plan.notBefore,
          notAfter: plan.notAfter,
          certificate,
          issuedAt,
          uid,
        });
        return [index, { name, certificate, before: false }] as const;
      }),
    ),
  );
}

export function refusal(name: string, error: unknown): Refused {
  const { code, message } = asHsmongerError(error);
  return { name, problem: { code, message } };
}
