import type { RevocationReason } from '../../../config/revocation-reason.js';
import type { ExportedCa, ExportedCertificate as Issued } from '../../../service/tasks/ca/export-issued.js';
import { openSslName } from '../../../x509/names/openssl-name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';

type Told = ExportedCa['told'][number];
type Revocation = Told['revocation'];

/** Reasons by the names openssl-ca(1) reads; what it has no word for it could not make a CRL of. */
const words: Readonly<Record<RevocationReason, string | undefined>> = {
  unspecified: undefined,
  keyCompromise: 'keyCompromise',
  cACompromise: 'CACompromise',
  affiliationChanged: 'affiliationChanged',
  superseded: 'superseded',
  cessationOfOperation: 'cessationOfOperation',
  certificateHold: 'certificateHold',
  privilegeWithdrawn: undefined,
  aACompromise: undefined,
};

/** One line of index.txt as `openssl ca` writes it (apps/ca.c): state, expiry, revocation, serial, file, subject, tabs between them. */
export function indexLine({ certificate, revocation }: Issued, now: Date): string {
  const { serial, notAfter, subject } = parseCertificate(certificate);
  const state = revocation !== undefined ? 'R' : notAfter < now ? 'E' : 'V';
  const revoked = revocation === undefined ? '' : [timeText(revocation.at), ...reasonWords(revocation)].join(',');
  return `${[state, timeText(notAfter), revoked, serialText(serial), 'unknown', openSslName(subject)].join('\t')}\n`;
}

/**
 * The line of a revocation alone: a certificate nobody has here any more never expires (RFC 5280 §4.1.2.5), so openssl keeps it on its
 * lists.
 */
export function toldLine({ serial, revocation }: Told): string {
  const revoked = [timeText(revocation.at), ...reasonWords(revocation)].join(',');
  return `${['R', '99991231235959Z', revoked, serialText(serial), 'unknown', '/CN=unknown'].join('\t')}\n`;
}

/** What a line cannot say of a revocation, for people; undefined where it says all. */
export function lost({ certificate, revocation }: Issued): string | undefined {
  if (revocation === undefined) return undefined;
  const parts = unsaid(revocation);
  return parts.length === 0 ? undefined : `${serialText(parseCertificate(certificate).serial)}: ${parts.join(' and ')}`;
}

export function lostOfTold({ serial, revocation }: Told): string {
  return `${serialText(serial)}, known from a published CRL alone: ${['its expiry', 'its subject', ...unsaid(revocation)].join(' and ')}`;
}

function unsaid(revocation: Revocation): string[] {
  return [
    ...(revocation.reason !== 'unspecified' && words[revocation.reason] === undefined ? [`the reason ${revocation.reason}`] : []),
    ...(revocation.invalidity !== undefined && reasonWords(revocation).length < 2
      ? ['the date since when it was not to be relied on']
      : []),
  ];
}

function reasonWords({ reason, invalidity }: Revocation): string[] {
  const word = words[reason];
  if (invalidity !== undefined && reason === 'keyCompromise') return ['keyTime', generalized(invalidity)];
  if (invalidity !== undefined && reason === 'cACompromise') return ['CAkeyTime', generalized(invalidity)];
  return word === undefined ? [] : [word];
}

/** Upper-case hex, an even number of digits, no sign octet: BN_bn2hex's. */
export function serialText(serial: Uint8Array): string {
  const digits = Buffer.from(serial).toString('hex').toUpperCase();
  return digits.length > 2 && digits.startsWith('00') ? digits.slice(2) : digits;
}

/** The content of the UTCTime, or from 2050 on GeneralizedTime. */
function timeText(date: Date): string {
  return date.getUTCFullYear() < 2050 ? generalized(date).slice(2) : generalized(date);
}

function generalized(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace(/\D/gu, '')}Z`;
}
