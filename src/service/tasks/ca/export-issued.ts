import { assertOwner } from '../../../config/ledger-owner.js';
import { highestCrlNumber, nextCrlNumber } from '../../../ledger/crls.js';
import { listIssued } from '../../../ledger/issued.js';
import { listRevoked, listTold, type CertificateId, type Revocation } from '../../../ledger/revocation.js';
import { sameName } from '../../../x509/names/name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { unsigned, contentOf, unsignedValue } from '../../../x509/der.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import { newSerial } from '../../../x509/serial.js';
import type { ServiceContext } from '../../context.js';
import { ownAuthority } from '../../own-authority.js';
import { partBytes } from '../state/state-parts.js';

/** What another CA software needs to go on. */
export interface ExportedCa {
  /** DER. */
  readonly authority: Uint8Array;
  /** What is revoked of certificates the ledger does not have: a published CRL told of them, after a restore or a move. */
  readonly told: readonly { /** Content octets. */ readonly serial: Uint8Array; readonly revocation: Revocation }[];
  /** Hex, an even number of digits: what openssl reads. */
  readonly nextSerial: string;
  readonly nextCrlNumber: string;
}

/** A certificate of the CA's name. */
export interface ExportedCertificate {
  readonly certificate: Uint8Array;
  readonly revocation?: Revocation;
}

/** What each progress carries: the certificates since the last one, oldest first. Of a CA with many they are more than one answer can hold. */
export interface ExportPart {
  readonly issued: readonly ExportedCertificate[];
}

/** Reads the ledger for `ca export-openssl`; changes nothing. The certificates go ahead, as ExportPart. */
export async function exportIssued(context: ServiceContext): Promise<ExportedCa> {
  assertOwner(context.instance, 'export the ledger');
  const ledger = context.ledger();
  const { certificate: authority } = await ownAuthority(context, await context.openToken());
  const revoked = new Map(listRevoked(ledger).map((row) => [nameOf(row), row]));
  const issued = listIssued(ledger).flatMap((row): ExportedCertificate[] => {
    if (!sameName(parseCertificate(row.certificate).issuer, authority.subject)) return [];
    const revocation = revoked.get(nameOf(row));
    return [
      {
        certificate: row.certificate,
        ...(revocation === undefined ? {} : { revocation: revocationOf(revocation) }),
      },
    ];
  });
  let done = 0;
  for (const some of portions(issued)) {
    done += some.length;
    context.progress(done, issued.length, { issued: some } satisfies ExportPart);
  }
  return {
    authority: authority.der,
    told: listTold(ledger, keyFingerprint(authority.spki)).map(({ serial, ...revocation }) => ({
      serial: Uint8Array.from(Buffer.from(serial, 'hex')),
      revocation: revocationOf(revocation),
    })),
    nextSerial: evenHex(unsignedValue(newSerial()) ?? 1n),
    nextCrlNumber: evenHex(nextCrlNumber(highestCrlNumber(ledger))),
  };
}

function* portions(issued: readonly ExportedCertificate[]): Generator<ExportedCertificate[]> {
  let some: ExportedCertificate[] = [];
  let bytes = 0;
  for (const one of issued) {
    some.push(one);
    bytes += one.certificate.length;
    if (bytes < partBytes) continue;
    yield some;
    some = [];
    bytes = 0;
  }
  if (some.length > 0) yield some;
}

function revocationOf({ at, reason, invalidity }: Revocation): Revocation {
  return { at, reason, ...(invalidity === undefined ? {} : { invalidity }) };
}

const nameOf = ({ issuerKey, serial }: CertificateId) => `${issuerKey} ${serial}`;
const evenHex = (value: bigint) =>
  Buffer.from(contentOf(unsigned(value)))
    .toString('hex')
    .toUpperCase();
