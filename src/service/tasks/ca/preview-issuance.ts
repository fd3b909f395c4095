import { asHsmongerError, type ErrorCode } from '../../../errors.js';
import { clerkAt, deskFor } from '../../../issuer/token/issuance/clerk.js';
import { standing } from '../../../issuer/token/issuance/commit.js';
import type { NamedRequest } from '../../../issuer/token/issuance/results.js';
import { orderedRequest } from '../../../issuer/token/issuance/order.js';
import { withheldUsages } from '../../../issuer/token/issuance/ordered-usages.js';
import { assertProven, planOrdered, soundRequest } from '../../../issuer/token/issuance/prepared.js';
import { assertNotWithdrawn } from '../../../issuer/token/revocation/withdrawn.js';
import { elementsIn } from '../../../x509/der.js';
import { findExtension } from '../../../x509/extensions/extensions.js';
import { generalNameElementText } from '../../../x509/names/general-name-text.js';
import { nameText } from '../../../x509/names/name.js';
import { oids } from '../../../x509/oids.js';
import { openKey } from '../../../x509/public-key.js';
import type { ServiceContext } from '../../context.js';
import { issuingCaOf, orderOf, type OrderInput } from './issue-certificates.js';

/** What a request would get now. */
type IssuancePreview =
  | {
      readonly name: string;
      /** RFC 4514. */
      readonly subject: string;
      /** Subject alternative names, for people. */
      readonly names: readonly string[];
      readonly profile: string;
      readonly notBefore: Date;
      readonly notAfter: Date;
      readonly extensions: readonly { readonly oid: string; readonly critical: boolean; /** Hex. */ readonly value: string }[];
      /** The ledger has a certificate for this request and order, which would be handed out again. */
      readonly before: boolean;
      /** See Given. */
      readonly withheld?: readonly string[];
    }
  | { readonly name: string; readonly problem: { readonly code: ErrorCode; readonly message: string } };

/** Decides as issuing would, and signs nothing. */
export async function previewIssuance(
  context: ServiceContext,
  { requests, ...input }: OrderInput & { readonly requests: readonly NamedRequest[] },
): Promise<readonly IssuancePreview[]> {
  const order = orderOf(input);
  const ca = await issuingCaOf(context);
  const now = context.clock();
  const { judge } = clerkAt(deskFor(ca, order, now));
  const previews: IssuancePreview[] = [];
  for (const { name, csr: der } of requests) {
    try {
      const csr = soundRequest(der);
      assertNotWithdrawn(context.ledger(), { spki: csr.spki });
      const { subject, profile, notBefore, notAfter, extensions } = planOrdered(now, ca, csr, order);
      assertProven(csr, openKey(csr.spki));
      const earlier = standing(context.ledger(), orderedRequest(csr, order, ca.authority.certificate.spki));
      const withheld = withheldUsages(csr.extensions, order);
      const names = findExtension(extensions, oids.subjectAltName);
      previews.push({
        name,
        ...(withheld.length === 0 ? {} : { withheld }),
        subject: nameText(subject),
        names: names === undefined ? [] : elementsIn(names.value).map(generalNameElementText),
        profile: profile.name,
        notBefore,
        notAfter,
        extensions: extensions.map(({ oid, critical, value }) => ({ oid, critical, value: Buffer.from(value).toString('hex') })),
        before: earlier !== undefined && judge(earlier.certificate, csr.spki) === undefined,
      });
    } catch (error) {
      const { code, message } = asHsmongerError(error);
      previews.push({ name, problem: { code, message } });
    }
  }
  return previews;
}
