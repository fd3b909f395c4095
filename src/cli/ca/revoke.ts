import { parseReason, revocationReasons, type RevocationReason } from '../../config/revocation-reason.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { readBoundedFile } from '../../platform/bounded-file.js';
import { askService } from '../../service/ask.js';
import type { Meant, RevocationReport } from '../../service/tasks/ca/revoke-certificate.js';
import { tokenIssuerOf } from '../../service/own-authority.js';
import { certificateFromPem } from '../../x509/pem.js';
import type { AddCommand, Surroundings } from '../command.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { harmless, json } from '../output.js';
import { assertOwnedHere } from './ledger/owner.js';

export interface RevokeOptions extends GlobalOptions {
  readonly certificate: string;
  readonly reason: RevocationReason | 'removeFromCRL';
  readonly invalidity: Date | undefined;
}

/** The positional of `revoke` and `unrevoke`. */
export const revoked = {
  type: 'string',
  demandOption: true,
  describe: 'Serial number in hexadecimal, or the file of the certificate (PEM, DER)',
} as const;

/** `ca revoke`: in the ledger, for the next CRL and the OCSP responder. */
export const addRevoke: AddCommand = (yargs, run) =>
  yargs.command(
    'revoke <certificate>',
    'Revoke a certificate this CA issued',
    (ca) =>
      ca
        .positional('certificate', revoked)
        .option('reason', {
          type: 'string',
          requiresArg: true,
          default: 'unspecified',
          coerce: reasonOf,
          describe: `${Object.keys(revocationReasons).join(', ')}; removeFromCRL ends a certificateHold`,
        })
        .option('invalidity', {
          type: 'string',
          requiresArg: true,
          coerce: dateOf,
          describe: 'Since when its key is not to be relied on: 2026-03-01 or 2026-03-01T14:30:00Z',
        })
        .example('hsmonger ca revoke 4a7f… --reason keyCompromise --invalidity 2026-03-01', ''),
    run(revokeCertificate),
  );

/** Also ends a hold: reason removeFromCRL. */
export async function revokeCertificate(options: RevokeOptions, { io, env }: Surroundings): Promise<number> {
  const place = instanceOf(options, env);
  tokenIssuerOf(place.instance);
  const meant = meantBy(options.certificate);
  await assertOwnedHere(place, 'revoke the certificate');
  const { reason, invalidity } = options;
  const report = await askService(place, 'revoke certificate', {
    meant,
    wish: { reason, ...(invalidity === undefined ? {} : { invalidity }) },
  });
  io.out(options.json ? json(report) : `${sentence(report, place.instance.name)}\n`);
  return 0;
}

function sentence({ serial, subject, change, at, reason, invalidity }: RevocationReport, instance: string): string {
  const what = `${serial} ${harmless(subject)}`;
  const published = `an OCSP responder of this instance says so from now on, a CRL with the next 'hsmonger ca crl --instance ${instance}'`;
  switch (change) {
    case 'revoked':
      return `${what}: revoked at ${seconds(at)} (${reason}${invalidity === undefined ? '' : `, not to be relied on since ${seconds(invalidity)}`}); ${published}.`;
    case 'held':
      return `${what}: on hold since ${seconds(at)}; ${published}. 'hsmonger ca unrevoke ${serial} --instance ${instance}' takes it back.`;
    case 'hold ended':
      return `${what}: the hold ended at ${seconds(at)}; ${published}.`;
  }
}

const seconds = (date: Date) => date.toISOString().replace(/\.\d+Z$/u, 'Z');
const maxBytes = 1024 * 1024;

/** Hexadecimal digits are a serial number, as openssl and certtool print them; everything else is a file. */
function meantBy(given: string): Meant {
  const octets = /^(?:0x)?((?:[0-9a-f]{1,2}:)+[0-9a-f]{1,2}|[0-9a-f]+)$/iu.exec(given)?.[1]?.split(':');
  // An octet between colons may be written with one digit.
  const digits = octets?.map((octet) => octet.padStart(2, '0')).join('');
  if (digits !== undefined) return { serial: contentOctets(digits) };
  try {
    const content = readBoundedFile(given, maxBytes);
    return { certificate: content[0] === 0x30 ? Uint8Array.from(content) : certificateFromPem(content.toString('latin1'), given) };
  } catch (error) {
    if (error instanceof HsmongerError) throw error;
    throw new HsmongerError('USAGE', `'${given}' is no serial number in hexadecimal, and no file that can be read: ${sentenceOf(error)}.`, {
      cause: error,
    });
  }
}

/** As the INTEGER is encoded: minimal, and positive. */
function contentOctets(digits: string): string {
  const hex = BigInt(`0x${digits}`).toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return /^[89a-f]/u.test(even) ? `00${even}` : even;
}

/** For `coerce`. */
function reasonOf(word: string): RevocationReason | 'removeFromCRL' {
  const reason = parseReason(word);
  if (reason === undefined)
    throw new HsmongerError(
      'USAGE',
      `'${word}' is no reason of RFC 5280 §5.3.1; there are ${Object.keys(revocationReasons).join(', ')} and removeFromCRL.`,
    );
  return reason;
}

/** For `coerce`: a day or a moment, ISO 8601, in UTC unless it says otherwise. */
function dateOf(word: string | undefined): Date | undefined {
  if (word === undefined) return undefined;
  const shape = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?$/u.exec(word)?.[0];
  const date = new Date(shape === undefined ? NaN : /T.*(?:Z|[+-]\d\d:\d\d)$/u.test(shape) || !shape.includes('T') ? shape : `${shape}Z`);
  // Date carries 31 February over into March.
  if (Number.isNaN(date.getTime()) || (shape?.length === 10 && date.toISOString().slice(0, 10) !== shape))
    throw new HsmongerError('USAGE', `'${word}' is no date; write 2026-03-01 or 2026-03-01T14:30:00Z.`);
  return date;
}
