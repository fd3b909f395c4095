import { assertOwner } from '../../../config/ledger-owner.js';
import type { RevocationReason } from '../../../config/revocation-reason.js';
import { HsmongerError } from '../../../errors.js';
import { inferProfile } from '../../../issuer/infer-profile.js';
import { decideRevocation, type RevocationWish } from '../../../issuer/token/revocation/decide-revocation.js';
import type { Database } from '../../../ledger/database.js';
import { exclusively } from '../../../ledger/exclusively.js';
import { firstOfEachIssuer, insertIssued, issuedBySerial, type IssuedRow } from '../../../ledger/issued.js';
import { endHold, findRevocation, findTold, revoke, type CertificateId } from '../../../ledger/revocation.js';
import { hex } from '../../../platform/hex.js';
import type { Certificate } from '../../../x509/certificate.js';
import { equalBytes } from '../../../x509/der.js';
import { nameText, sameName } from '../../../x509/names/name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { signedBy } from '../../../x509/path.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import type { ServiceContext } from '../../context.js';
import { ownAuthority } from '../../own-authority.js';

/** The certificate by its serial number (content octets, hex), or itself, DER. */
export type Meant = { readonly serial: string } | { readonly certificate: Uint8Array };

/** What was written down. */
export interface RevocationReport {
  /** Content octets, hex. */
  readonly serial: string;
  /** RFC 4514. */
  readonly subject: string;
  readonly change: 'revoked' | 'held' | 'hold ended';
  readonly at: Date;
  readonly reason: RevocationReason | 'removeFromCRL';
  readonly invalidity?: Date;
}

/** Others sign meanwhile; an HSM behind a network can take seconds for each. */
const busyMs = 60_000;

/**
 * Writes a revocation, a hold or the end of one into the ledger. Needs the token only for a certificate the ledger does not know: a key
 * that was stolen may have gone with it.
 */
export async function revokeCertificate(
  context: ServiceContext,
  { meant, wish }: { readonly meant: Meant; readonly wish: RevocationWish },
): Promise<RevocationReport> {
  assertOwner(context.instance, 'revoke the certificate');
  const ledger = context.ledger();
  const ca = caByLedger(ledger, meant) ?? (await ownAuthority(context, await context.openToken())).certificate;
  const uid = process.getuid?.() ?? -1;
  return exclusively(ledger, busyMs, () => {
    const now = context.clock();
    const { id, certificate } = 'serial' in meant ? bySerial(ledger, ca, meant.serial) : byItself(ledger, ca, meant.certificate, now, uid);
    const present = findRevocation(ledger, id);
    const step = decideRevocation(now, { certificate, issuerKey: id.issuerKey, ...(present === undefined ? {} : { present }) }, wish);
    const said = { serial: id.serial, subject: nameText(certificate.subject) };
    if (step.kind === 'end hold') {
      endHold(ledger, id, step.at, uid);
      return Promise.resolve<RevocationReport>({ ...said, change: 'hold ended', at: step.at, reason: 'removeFromCRL' });
    }
    revoke(ledger, id, step.revocation, uid);
    return Promise.resolve<RevocationReport>({
      ...said,
      change: step.revocation.reason === 'certificateHold' ? 'held' : 'revoked',
      ...step.revocation,
    });
  });
}

interface Found {
  readonly id: CertificateId;
  readonly certificate: Certificate;
}

/** The CA as far as a revocation has to know it: by the ledger only its name, by its certificate the key too. */
type Ca = Pick<Certificate, 'subject'> & Partial<Pick<Certificate, 'spki'>>;

/**
 * From the ledger, where that tells all there is to know: everything in it was issued under one name, and what is meant is in it, or can
 * only be found there.
 */
function caByLedger(ledger: Database, meant: Meant): Ca | undefined {
  const [subject, ...others] = firstOfEachIssuer(ledger).map(({ certificate }) => parseCertificate(certificate).issuer);
  if (subject === undefined || others.some((other) => !sameName(other, subject))) return undefined;
  return 'serial' in meant || written(ledger, meant.certificate) !== undefined ? { subject } : undefined;
}

function written(ledger: Database, der: Uint8Array): IssuedRow | undefined {
  return issuedBySerial(ledger, hex(parseCertificate(der).serial)).find((row) => equalBytes(row.certificate, der));
}

function bySerial(ledger: Database, { subject }: Ca, serial: string): Found {
  const rows = issuedBySerial(ledger, serial).flatMap((row): Found[] => {
    const certificate = parseCertificate(row.certificate);
    return sameName(certificate.issuer, subject) ? [{ id: idOf(row), certificate }] : [];
  });
  const [found, another] = rows;
  const ca = nameText(subject);
  if (found === undefined)
    throw new HsmongerError(
      'REVOCATION_REFUSED',
      `${ca} issued no certificate with the serial number ${serial} that this ledger knows; see 'hsmonger ca list', or hand in the certificate's file.`,
    );
  if (another !== undefined)
    throw new HsmongerError(
      'REVOCATION_REFUSED',
      `${ca} issued ${String(rows.length)} certificates with the serial number ${serial}, by different keys; hand in the file of the one that is meant.`,
    );
  return found;
}

/**
 * One the ledger does not know, but this CA's key signed, was issued before this ledger began: it is written down, and counts from now on.
 */
function byItself(ledger: Database, { subject, spki }: Ca, der: Uint8Array, now: Date, uid: number): Found {
  const certificate = parseCertificate(der);
  const serial = hex(certificate.serial);
  const known = written(ledger, der);
  if (known !== undefined && sameName(certificate.issuer, subject)) return { id: idOf(known), certificate };
  const refuse = (why: string) =>
    new HsmongerError('REVOCATION_REFUSED', `The certificate ${serial} of ${nameText(certificate.subject)} ${why}.`);
  if (spki === undefined || !sameName(certificate.issuer, subject) || !signedBy(certificate, spki))
    throw refuse(
      `was not issued by ${nameText(subject)}, but by ${nameText(certificate.issuer)}${sameName(certificate.issuer, subject) ? ' with another key' : ''}; only its own issuer can revoke it`,
    );
  const id = { issuerKey: keyFingerprint(spki), serial };
  if (issuedBySerial(ledger, serial).some(({ issuerKey }) => issuerKey === id.issuerKey))
    throw refuse(
      'shares its serial number with another one in the ledger; revoke that one by its serial number, which is all a CRL can name',
    );
  // A published CRL may have told of it before.
  const earlier = findTold(ledger, id);
  insertIssued(ledger, {
    ...id,
    // No SUBMIT led to it, so none is answered with it.
    request: `found ${keyFingerprint(der)}`,
    profile: inferProfile(certificate),
    subject: nameText(certificate.subject),
    subjectKey: keyFingerprint(certificate.spki),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    certificate: der,
    issuedAt: now,
    uid,
  });
  if (earlier !== undefined) revoke(ledger, id, earlier, uid);
  return { id, certificate };
}

const idOf = ({ issuerKey, serial }: IssuedRow): CertificateId => ({ issuerKey, serial });
