import { assertOwner } from '../../../config/ledger-owner.js';
import { HsmongerError } from '../../../errors.js';
import { authorityKey } from '../../../issuer/token/authority.js';
import { crlEntries } from '../../../issuer/token/revocation/crl-entries.js';
import { signStructure } from '../../../issuer/token/revocation/sign-structure.js';
import { highestCrlNumber, insertCrl, latestCrl, nextCrlNumber } from '../../../ledger/crls.js';
import { exclusively } from '../../../ledger/exclusively.js';
import { listRevoked, listTold } from '../../../ledger/revocation.js';
import { openSigningOnceMore } from '../../../pkcs11/signing/once-more.js';
import type { Certificate } from '../../../x509/certificate.js';
import { assembleCrl, buildTbsCertList, type CrlEntry } from '../../../x509/crl/build.js';
import { listedIn } from '../../../x509/crl/listed.js';
import { parseCrl, type Crl } from '../../../x509/crl/parse.js';
import { allows } from '../../../x509/extensions/extensions.js';
import { nameText, sameName } from '../../../x509/names/name.js';
import { validityFault } from '../../../x509/path.js';
import { keyFingerprint, keyIdentifier } from '../../../x509/public-key.js';
import { verifySignature } from '../../../x509/signature.js';
import type { ServiceContext } from '../../context.js';
import { ownAuthority, tokenIssuerOf } from '../../own-authority.js';
import { takeOverListed } from './take-over-listed.js';

export interface CrlWish {
  /** From thisUpdate to nextUpdate. */
  readonly days: number;
  /** CRLs of this CA that are published: the new one is numbered above them, and lists what they list. */
  readonly published: readonly { readonly name: string; readonly content: Uint8Array }[];
  /** Where it goes: what becomes of one that goes to standard output nobody here knows, so it counts as published. */
  readonly into: 'file' | 'stdout';
  /** Numbers known otherwise, decimal. */
  readonly above: readonly string[];
}

export interface MadeCrl {
  readonly crl: Uint8Array;
  /** Decimal. */
  readonly number: string;
  /** RFC 4514. */
  readonly issuer: string;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly entries: number;
  /** How many of them the ledger learned from the published CRLs. */
  readonly takenOver: number;
}

const dayMs = 86_400_000;
/** Others sign meanwhile; an HSM behind a network can take seconds for each. */
const busyMs = 60_000;

/** Signs the CA's next CRL on the token. Its number and itself are on the disk before it is handed out, so that no number is used twice. */
export async function makeCrl(context: ServiceContext, { days, published, into, above }: CrlWish): Promise<MadeCrl> {
  assertOwner(context.instance, 'make the CRL');
  const ledger = context.ledger();
  const choice = tokenIssuerOf(context.instance);
  const token = await openSigningOnceMore(() => context.openToken());
  const authority = await ownAuthority(context, token);
  const { certificate } = authority;
  assertMaySign(certificate, context.clock());
  const known = published.map(({ name, content }) => ({ name, ...assertOwn(parseCrl(content, name), name, certificate) }));
  // Logs in: before the ledger is locked, because the PIN's guard has a lock of its own.
  const key = await authorityKey(token, authority);
  const issuerKey = keyFingerprint(certificate.spki);
  const issuer = { subject: certificate.subject, issuerKey };
  return exclusively(ledger, busyMs, async () => {
    const signedAt = context.clock();
    const thisUpdate = new Date(Math.floor(signedAt.getTime() / 1000) * 1000);
    const last = latestCrl(ledger, issuerKey);
    assertLater(thisUpdate, [...known, ...(last === undefined ? [] : [last])]);
    const nextUpdate = new Date(thisUpdate.getTime() + days * dayMs);
    const number = nextCrlNumber(highestCrlNumber(ledger), ...known.map((crl) => crl.number), ...above.map(BigInt));
    const uid = process.getuid?.() ?? -1;
    const takenOver = known.reduce((sum, crl) => sum + takeOverListed(ledger, issuer, listedIn(crl, crl.name), uid), 0);
    const entries = [
      ...crlEntries(listRevoked(ledger), certificate, lastPublished(known, into === 'file' ? undefined : last)),
      ...listTold(ledger, issuerKey).map(toldEntry),
    ];
    const { data, signatureAlgorithm, signature } = await signStructure(
      { token, key, spki: certificate.spki, choice },
      'The CRL',
      (algorithm) =>
        buildTbsCertList({
          issuer: certificate.subject,
          keyId: certificate.subjectKeyId ?? keyIdentifier(certificate.spki),
          number,
          thisUpdate,
          nextUpdate,
          entries,
          signatureAlgorithm: algorithm,
        }),
    );
    const crl = assembleCrl(data, signatureAlgorithm, signature);
    insertCrl(ledger, { number, issuerKey, thisUpdate, nextUpdate, crl, signedAt, uid });
    return {
      crl,
      number: String(number),
      issuer: nameText(certificate.subject),
      thisUpdate,
      nextUpdate,
      entries: entries.length,
      takenOver,
    };
  });
}

/** The latest that was seen published: one that was signed may never have come to where it was to go. `otherwise`: where none was seen. */
function lastPublished(known: readonly Crl[], otherwise: Pick<Crl, 'thisUpdate'> | undefined): Pick<Crl, 'thisUpdate'> | undefined {
  const [latest] = known.toSorted((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime());
  return latest ?? otherwise;
}

/** When it expires nobody here knows, so it stays. */
function toldEntry({ serial, at, reason, invalidity }: ReturnType<typeof listTold>[number]): CrlEntry {
  return {
    serial: Uint8Array.from(Buffer.from(serial, 'hex')),
    revokedAt: at,
    reason,
    ...(invalidity === undefined ? {} : { invalidity }),
  };
}

/** A verifier refuses the CRL otherwise (RFC 5280 §6.3.3 f). */
function assertMaySign(certificate: Certificate, now: Date): void {
  const name = nameText(certificate.subject);
  if (allows(certificate, 'cRLSign') === false)
    throw new HsmongerError(
      'KEY_UNUSABLE',
      `The key usage of the CA certificate of ${name} does not allow signing CRLs (cRLSign), so nobody would believe one; have the certificate made anew with it.`,
    );
  const fault = validityFault(certificate, now);
  if (fault !== undefined)
    throw new HsmongerError('ISSUER_EXPIRED', `The CA certificate of ${name} ${fault}, so nobody would believe its CRL; renew it first.`);
}

/** Anybody could have put it there, and its number could use up all there are. */
function assertOwn(crl: Crl, name: string, certificate: Certificate): Crl {
  const ca = nameText(certificate.subject);
  if (!sameName(crl.issuer, certificate.subject))
    throw new HsmongerError(
      'CRL_INVALID',
      `${name} is the CRL of ${nameText(crl.issuer)}, not of ${ca}; nothing was signed or replaced. Name another file.`,
    );
  if (!verifySignature(crl.signed, certificate.spki)) {
    throw new HsmongerError(
      'CRL_INVALID',
      `${name} names ${ca} as its issuer, but is not signed by its key; nothing was signed or replaced. Move it away, and where it is a CRL of an earlier key give its number with --above NUMBER.`,
    );
  }
  return crl;
}

function assertLater(thisUpdate: Date, before: readonly { readonly thisUpdate: Date; readonly number?: bigint }[]): void {
  const later = before.find((crl) => crl.thisUpdate > thisUpdate);
  if (later !== undefined)
    throw new HsmongerError(
      'CRL_NUMBER',
      `CRL ${String(later.number ?? '')} is of ${later.thisUpdate.toISOString()}, and the clock here says ${thisUpdate.toISOString()}: a higher number on an older date would confuse who reads both. Set the clock right.`,
    );
}
