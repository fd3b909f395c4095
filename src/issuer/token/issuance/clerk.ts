import type { SignatureAlgorithm } from '../../../config/signature-algorithm.js';
import { HsmongerError } from '../../../errors.js';
import type { IssuedRow } from '../../../ledger/issued.js';
import { hex } from '../../../platform/hex.js';
import { maxBytes } from '../../../x509/der.js';
import { nameText } from '../../../x509/names/name.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import { newSerial } from '../../../x509/serial.js';
import { algorithmIdentifier, fittingAlgorithm } from '../../../x509/signature-algorithm.js';
import { buildTbsCertificate } from '../../../x509/tbs.js';
import { fingerprintsOf } from '../../../x509/wrappings.js';
import { judgeFor, type Judge } from './judge.js';
import { orderedRequest, type IssueOrder } from './order.js';
import { withheldUsages } from './ordered-usages.js';
import { assertProven, planOrdered, soundRequest, type IssuingCa } from './prepared.js';
import { theRequest } from '../sound.js';
import { refusal, type NamedRequest, type Refused } from './results.js';

/** What all certificates of one order have in common. Plain data: it goes to other threads. */
export interface Desk {
  readonly ca: IssuingCa;
  readonly order: IssueOrder;
  readonly algorithm: SignatureAlgorithm;
  readonly now: Date;
}

export function deskFor(ca: IssuingCa, order: IssueOrder, now: Date): Desk {
  return { ca, order, now, algorithm: fittingAlgorithm(ca.authority.certificate.spki, ca.config, "The CA's key") };
}

/** A request that is sound, and the certificate it is to have: only the signature is missing, and the ledger's word. */
export interface Prepared {
  readonly name: string;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** See fingerprintsOf(). */
  readonly keys: readonly string[];
  /** See Given. */
  readonly withheld?: readonly string[];
  /** DER TBSCertificate. */
  readonly tbs: Uint8Array;
  readonly row: Pick<IssuedRow, 'serial' | 'request' | 'profile' | 'subject' | 'subjectKey' | 'notBefore' | 'notAfter'>;
}

/** Does what of issuing needs neither the token nor the ledger: reckoning alone, and most of the work there is. */
export interface Clerk extends Pick<Judge, 'judge' | 'isSigned'> {
  prepare(request: NamedRequest): Prepared | Refused;
}

/** One clerk or several, who work when they come to it. */
export type Clerks = { readonly [K in keyof Clerk]: (...given: Parameters<Clerk[K]>) => Promise<ReturnType<Clerk[K]>> };

/** ISSUED_WRONG where nothing the CA signs would be valid. */
export function clerkAt({ ca, order, algorithm, now }: Desk): Clerk {
  const { spki: issuer } = ca.authority.certificate;
  const signatureAlgorithm = algorithmIdentifier(algorithm);
  const judge = judgeFor(ca.authority, algorithm, now);
  return {
    judge: (der, spki) => judge.judge(der, spki),
    isSigned: (tbs, signature) => judge.isSigned(tbs, signature),
    prepare({ name, csr: der, request }) {
      try {
        const csr = soundRequest(der);
        const plan = planOrdered(now, ca, csr, order);
        const { profile, subject, notBefore, notAfter, spki } = plan;
        const serial = newSerial();
        const tbs = buildTbsCertificate({ ...plan, serial, signatureAlgorithm });
        // OpenSSL reads it, and we would never again.
        if (tbs.length > maxTbsBytes)
          throw new HsmongerError(
            'CSR_INVALID',
            `${theRequest(subject)} asks for more than a certificate can hold: it would be larger than ${String(maxBytes / 1024 / 1024)} MiB; ask for fewer names.`,
          );
        const judged = judge.judgeUnsigned(tbs, csr.spki);
        if ('fault' in judged)
          throw new HsmongerError(
            'ISSUED_WRONG',
            `${theRequest(subject)} would get a certificate that is not right, so nothing is signed: ${judged.fault}.`,
          );
        // OpenSSL has read the key with the rest: to have it read again is a tenth of all there is to do.
        assertProven(csr, judged.key);
        const withheld = withheldUsages(csr.extensions, order);
        return {
          name,
          ...(withheld.length === 0 ? {} : { withheld }),
          spki,
          keys: fingerprintsOf(spki),
          tbs,
          row: {
            serial: hex(serial),
            request: request ?? orderedRequest(csr, order, issuer),
            profile: profile.name,
            subject: nameText(subject),
            subjectKey: keyFingerprint(spki),
            notBefore,
            notAfter,
          },
        };
      } catch (error) {
        return refusal(name, error);
      }
    },
  };
}

/** No signature with its algorithm takes what is left. */
const maxTbsBytes = maxBytes - 64 * 1024;

/** A clerk in this thread, for a few requests. */
export function clerkHere(desk: Desk): Clerks {
  const clerk = clerkAt(desk);
  return {
    prepare: (request) => Promise.resolve(clerk.prepare(request)),
    judge: (der, spki) => Promise.resolve(clerk.judge(der, spki)),
    isSigned: (tbs, signature) => Promise.resolve(clerk.isSigned(tbs, signature)),
  };
}
