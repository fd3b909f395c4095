import type { Certificate } from './certificate.js';
import { parseCertificate } from './parse-certificate.js';

/** Those of the certificates (DER) we understand: objects of others in a place we share must stop nothing. */
export function readableCertificates(ders: readonly Uint8Array[]): Certificate[] {
  return readableObjects(ders.map((der) => ({ der }))).map(({ certificate }) => certificate);
}

/** The same of objects that hold a certificate each: those we understand, with what is in them. */
export function readableObjects<T extends { readonly der: Uint8Array }>(
  objects: readonly T[],
): (T & { readonly certificate: Certificate })[] {
  return objects.flatMap((object) => {
    try {
      return [{ ...object, certificate: parseCertificate(object.der) }];
    } catch {
      return [];
    }
  });
}
