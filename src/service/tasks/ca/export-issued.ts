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

/** What another CA software needs to go on. */
export interface ExportedCa {
  /** DER. */
  readonly authority: Uint8Array;
  /** Every certificate of the CA's name, oldest first. */
  readonly issued: readonly {
    readonly certificate: Uint8Array;
    readonly revocation?: Revocation;
  }[];
  /** What is revoked of certificates the ledger does not have: a published CRL told of them, after a restore or a move. */
  readonly told: readonly { /** Content octets. */ readonly serial: Uint8Array; readonly revocation: Revocation }[];
  /** Hex, an even number of digits: what openssl reads. */
  readonly nextSerial: string;
  readonly nextCrlNumber: string;
}

/** Reads the ledger for `ca export-openssl`; changes nothing. */
export async function exportIssued(context: ServiceContext): Promise<ExportedCa> {
  assertOwner(context.instance, 'export the ledger');
  const ledger = context.ledger();
  const { certificate: authority } = await ownAuthority(context, await context.openToken());
  const revoked = new Map(listRevoked(ledger).map((row) => [nameOf(row), row]));
  const issued = listIssued(ledger).flatMap((row) => {
    if (!sameName(parseCertificate(row.certificate).issuer, authority.subject)) return [];
    const revocation = revoked.get(nameOf(row));
    return [
      {
        certificate: row.certificate,
        ...(revocation === undefined ? {} : { revocation: revocationOf(revocation) }),
      },
    ];
  });
  return {
    authority: authority.der,
    issued,
    told: listTold(ledger, keyFingerprint(authority.spki)).map(({ serial, ...revocation }) => ({
      serial: Uint8Array.from(Buffer.from(serial, 'hex')),
      revocation: revocationOf(revocation),
    })),
    nextSerial: evenHex(unsignedValue(newSerial()) ?? 1n),
    nextCrlNumber: evenHex(nextCrlNumber(highestCrlNumber(ledger))),
  };
}

function revocationOf({ at, reason, invalidity }: Revocation): Revocation {
  return { at, reason, ...(invalidity === undefined ? {} : { invalidity }) };
}

const nameOf = ({ issuerKey, serial }: CertificateId) => `${issuerKey} ${serial}`;
const evenHex = (value: bigint) =>
  Buffer.from(contentOf(unsigned(value)))
    .toString('hex')
    .toUpperCase();
