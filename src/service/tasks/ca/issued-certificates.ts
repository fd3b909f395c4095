import { tokenWith } from '../../../config/token-views.js';
import { HsmongerError } from '../../../errors.js';
import { issuedBySerial, issuedForKey, listIssued, type IssuedRow } from '../../../ledger/issued.js';
import type { Certificate } from '../../../x509/certificate.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { findPath } from '../../../x509/path.js';
import { readableCertificates, readableObjects } from '../../../x509/readable-certificates.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import type { ServiceContext } from '../../context.js';
import { importedAbove, ownAuthority } from '../../own-authority.js';
import { presentOnToken } from '../token/present-certificate.js';

/** A line of the list. */
export type ListedCertificate = Pick<
  IssuedRow,
  'serial' | 'subject' | 'profile' | 'notBefore' | 'notAfter' | 'issuedAt' | 'revokedAt' | 'revocationReason'
>;

/** How a certificate was issued here. */
type Issuance = Pick<IssuedRow, 'profile' | 'request' | 'issuedAt' | 'uid' | 'revokedAt' | 'revocationReason'>;

/** What there is to show about one certificate. */
export interface ShownCertificate {
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER: what stands above it, the root last; empty for a root. */
  readonly chain: readonly Uint8Array[];
  /** Why there is no chain, as a clause. */
  readonly chainFault?: string;
  /** Absent where it was not issued here. */
  readonly row?: Issuance;
}

/** Every certificate issued, oldest first. */
export function listCertificates(context: ServiceContext): Promise<ListedCertificate[]> {
  return Promise.resolve(
    listIssued(context.ledger()).map(({ serial, subject, profile, notBefore, notAfter, issuedAt, ...row }) => ({
      serial,
      subject,
      profile,
      notBefore,
      notAfter,
      issuedAt,
      ...revocationOf(row),
    })),
  );
}

/** The certificate of a serial number (lower-case hexadecimal, as it is encoded) in the ledger, or of a nickname on the token. */
export async function showCertificate(
  context: ServiceContext,
  which: { readonly serial: string } | { readonly nickname: string },
): Promise<ShownCertificate> {
  if ('serial' in which) {
    const [row, another] = issuedBySerial(context.ledger(), which.serial);
    if (row === undefined)
      throw new HsmongerError(
        'CERTIFICATE_NOT_FOUND',
        `No certificate with serial ${which.serial} was issued by '${context.instance.name}'; 'hsmonger ca list --instance ${context.instance.name}' shows them all.`,
      );
    if (another !== undefined)
      throw new HsmongerError(
        'CERTIFICATE_NOT_FOUND',
        `Two CAs of '${context.instance.name}' issued a certificate with serial ${which.serial}, ${row.subject} and ${another.subject}; look at the list.`,
      );
    return shown(context, parseCertificate(row.certificate), row);
  }
  const on = tokenWith(context.instance, which.nickname);
  const token = await context.openToken({ on });
  const { certificate } = await presentOnToken(token, which.nickname);
  const row = issuedForKey(context.ledger(), keyFingerprint(certificate.spki)).find((one) =>
    Buffer.from(one.certificate).equals(certificate.der),
  );
  return shown(context, certificate, row, on === undefined ? [] : readableCertificates((await token.certificates()).map(({ der }) => der)));
}

/** Since when and why this CA has taken a certificate back; undefined where it stands by it, or never knew it. */
export function revocationOfCertificate(
  context: ServiceContext,
  { certificate: der }: { readonly certificate: Uint8Array },
): Promise<{ readonly at: Date; readonly reason: string } | undefined> {
  const row = issuedForKey(context.ledger(), keyFingerprint(parseCertificate(der).spki)).find((one) =>
    Buffer.from(one.certificate).equals(der),
  );
  return Promise.resolve(row?.revokedAt === undefined ? undefined : { at: row.revokedAt, reason: row.revocationReason ?? 'unspecified' });
}

/** The CA's certificate and what stands above it, the root last; DER. */
export async function authorityChain(context: ServiceContext): Promise<{ readonly certificates: readonly Uint8Array[] }> {
  const { certificate, path } = await ownAuthority(context, await context.openToken());
  const above = [...path.chain, ...path.roots].filter(({ der }) => !Buffer.from(der).equals(certificate.der));
  return { certificates: [certificate, ...above].map(({ der }) => der) };
}

/** `beside`: what lies with it, where that is not the CA's own token. */
async function shown(
  context: ServiceContext,
  certificate: Certificate,
  row: IssuedRow | undefined,
  beside: readonly Certificate[] = [],
): Promise<ShownCertificate> {
  const pool = [...(await known(context)), ...beside];
  const path = findPath(certificate, pool);
  return {
    certificate: certificate.der,
    ...('fault' in path
      ? { chain: [], chainFault: path.fault }
      : { chain: [...path.chain, ...path.roots].filter((one) => one !== certificate).map(({ der }) => der) }),
    ...(row === undefined
      ? {}
      : { row: { profile: row.profile, request: row.request, issuedAt: row.issuedAt, uid: row.uid, ...revocationOf(row) } }),
  };
}

function revocationOf({
  revokedAt,
  revocationReason,
}: Pick<IssuedRow, 'revokedAt' | 'revocationReason'>): Pick<IssuedRow, 'revokedAt' | 'revocationReason'> {
  return { ...(revokedAt === undefined ? {} : { revokedAt }), ...(revocationReason === undefined ? {} : { revocationReason }) };
}

/** The certificates on the CA's own token, and what is known to stand above the CA beside it. */
async function known(context: ServiceContext): Promise<Certificate[]> {
  const { issuer } = context.instance;
  const objects = readableObjects(await (await context.openToken()).certificates());
  const own = issuer.type === 'token' ? objects.filter(({ label }) => label === issuer.certificate) : [];
  const above = await Promise.all(own.map(({ certificate }) => importedAbove(context)(certificate.spki)));
  return [...objects.map(({ certificate }) => certificate), ...above.flat()];
}
