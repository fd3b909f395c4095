import { assertOwner } from '../../../config/ledger-owner.js';
import type { RevocationReason } from '../../../config/revocation-reason.js';
import { highestCrlNumber, nextCrlNumber } from '../../../ledger/crls.js';
import { listIssued } from '../../../ledger/issued.js';
import { listRevoked, type CertificateId } from '../../../ledger/revocation.js';
import { sameName } from '../../../x509/names/name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { unsigned, contentOf, unsignedValue } from '../../../x509/der.js';
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
    readonly revocation?: { readonly at: Date; readonly reason: RevocationReason; readonly invalidity?: Date };
  }[];
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
        ...(revocation === undefined
          ? {}
          : {
              revocation: {
                at: revocation.at,
                reason: revocation.reason,
                ...(revocation.invalidity === undefined ? {} : { invalidity: revocation.invalidity }),
              },
            }),
      },
    ];
  });
  return {
    authority: authority.der,
    issued,
    nextSerial: evenHex(unsignedValue(newSerial()) ?? 1n),
    nextCrlNumber: evenHex(nextCrlNumber(highestCrlNumber(ledger))),
  };
}

const nameOf = ({ issuerKey, serial }: CertificateId) => `${issuerKey} ${serial}`;
const evenHex = (value: bigint) =>
  Buffer.from(contentOf(unsigned(value)))
    .toString('hex')
    .toUpperCase();
