import type { Certificate } from '../x509/certificate.js';
import { equalBytes } from '../x509/der.js';
import { parseCertificate } from '../x509/parse-certificate.js';
import type { Entry } from './directory.js';

/** Values of one attribute description, exactly that one: `userCertificate` and `userCertificate;binary` are two to the server. */
export function valuesOf(entry: Entry | undefined, attribute: string): readonly Uint8Array[] {
  return entry?.values.get(attribute.toLowerCase()) ?? [];
}

/** The same as text. */
export function textsOf(entry: Entry | undefined, attribute: string): string[] {
  return valuesOf(entry, attribute).map((value) => Buffer.from(value).toString());
}

/** The certificates among the values; the server takes any octets, so what is none is left out. Each once. */
export function certificatesIn(values: readonly Uint8Array[]): Certificate[] {
  const found: Certificate[] = [];
  for (const value of values) {
    const certificate = parsed(value);
    if (certificate !== undefined && !found.some(({ der }) => equalBytes(der, certificate.der))) found.push(certificate);
  }
  return found;
}

export function holds(values: readonly Uint8Array[], value: Uint8Array): boolean {
  return values.some((one) => equalBytes(one, value));
}

/** Serial number as Dogtag and FreeIPA write it. RFC 5280 §4.1.2.2: positive, so the octets are the number. */
export function decimalSerial({ serial }: Certificate): string {
  return BigInt(`0x0${Buffer.from(serial).toString('hex')}`).toString();
}

function parsed(value: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(value);
  } catch {
    return undefined;
  }
}
