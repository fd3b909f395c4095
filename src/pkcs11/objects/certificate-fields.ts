import { HsmongerError } from '../../errors.js';

/** What CKA_SUBJECT, CKA_ISSUER and CKA_SERIAL_NUMBER of a certificate hold: DER, tag and length included (PKCS#11 2.40 §4.6.3). */
export interface CertificateFields {
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly serial: Buffer;
}

const versionTag = 0xa0;

/** Cut out octet for octet, never encoded anew: NSS compares these with the certificate's own. CERTIFICATE_INVALID for what is none. */
export function certificateFields(der: Uint8Array): CertificateFields {
  const [tbs] = inside(Buffer.from(der));
  // RFC 5280 §4.1: version, serialNumber, signature, issuer, validity, subject.
  const parts = tbs === undefined ? [] : inside(tbs);
  const [serial, , issuer, , subject] = parts[0]?.[0] === versionTag ? parts.slice(1) : parts;
  if (serial?.[0] !== 0x02 || issuer?.[0] !== 0x30 || subject?.[0] !== 0x30) throw damaged();
  return { subject, issuer, serial };
}

/** The elements inside one element. */
function inside(element: Buffer): Buffer[] {
  const outer = bounds(element, 0);
  if (outer.end !== element.length) throw damaged();
  const parts: Buffer[] = [];
  for (let at = outer.content; at < outer.end;) {
    const { end } = bounds(element, at);
    if (end > outer.end) throw damaged();
    parts.push(element.subarray(at, end));
    at = end;
  }
  return parts;
}

function bounds(bytes: Buffer, at: number): { readonly content: number; readonly end: number } {
  const first = bytes[at + 1];
  const count = first === undefined || first < 0x80 ? 0 : first & 0x7f;
  if (first === undefined || first === 0x80 || count > 4 || at + 2 + count > bytes.length) throw damaged();
  const content = at + 2 + count;
  return { content, end: content + (count === 0 ? first : bytes.readUIntBE(at + 2, count)) };
}

function damaged(): HsmongerError {
  return new HsmongerError('CERTIFICATE_INVALID', 'What should be stored on the token is no X.509 certificate in DER.');
}
