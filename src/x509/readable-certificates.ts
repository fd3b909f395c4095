import type { Certificate } from './certificate.js';
import { parseCertificate } from './parse-certificate.js';

/** Those of the certificates (DER) we understand: objects of others in a place we share must stop nothing. */
export function readableCertificates(ders: readonly Uint8Array[]): Certificate[] {
  return ders.flatMap((der) => {
    try {
      return [parseCertificate(der)];
    } catch {
      return [];
    }
  });
}
