import { sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { OcspSigner, Signing } from '../../../src/service/ocsp/signer.js';
import type { Certificate } from '../../../src/x509/certificate.js';
import { octetString, sequence, objectIdentifier, integer, element } from '../../../src/x509/der.js';
import { algorithmIdentifier } from '../../../src/x509/signature-algorithm.js';
import { caExtensions, makeCertificate, makeKeys, type Keys } from '../../x509/material.js';
import { openssl, withFile } from '../../x509/openssl.js';

/** A CA with a P-256 key that no token has. */
export interface SoftCa {
  readonly keys: Keys;
  readonly certificate: Certificate;
}

export async function makeSoftCa(notAfter?: Date): Promise<SoftCa> {
  const keys = await makeKeys('p256');
  return {
    keys,
    certificate: await makeCertificate({ keys, extensions: caExtensions(), ...(notAfter === undefined ? {} : { notAfter }) }),
  };
}

/** The CA signs itself; `signatures` counts how often. */
export function softSigner({ keys, certificate }: SoftCa): OcspSigner & { readonly signatures: () => number } {
  let signatures = 0;
  const signing = {
    ca: certificate,
    responder: { certificate, kind: 'authority' },
    sign: (build: () => Uint8Array) => {
      const data = build();
      signatures += 1;
      return Promise.resolve({
        data,
        signatureAlgorithm: algorithmIdentifier({ scheme: 'ecdsa', digest: 'sha256' }),
        signature: Uint8Array.from(sign('sha256', data, keys.privateKey)),
      });
    },
  } as unknown as Signing;
  return { ready: () => Promise.resolve(signing), close: () => Promise.resolve(), signatures: () => signatures };
}

/** DER OCSPRequest of openssl, without a nonce, about these serial numbers. */
export function question({ certificate }: SoftCa, ...serials: readonly number[]): Uint8Array {
  return withFile(openssl(['x509', '-inform', 'DER'], certificate.der), (file) => {
    const asked = serials.flatMap((serial) => ['-serial', String(serial)]);
    openssl(['ocsp', '-issuer', file, ...asked, '-no_nonce', '-reqout', `${file}.request`]);
    return Uint8Array.from(readFileSync(`${file}.request`));
  });
}

/** A CertID of an unknown digest, as large as one likes. */
export function strangeCertId(octets: number, serialOctets = 1): Uint8Array {
  return sequence(
    sequence(objectIdentifier('1.2.3.4')),
    octetString(new Uint8Array(octets)),
    octetString(new Uint8Array(20)),
    integer(new Uint8Array(serialOctets).fill(1)),
  );
}

/** DER OCSPRequest about these CertIDs, with a nonce of so many octets where that is said. */
export function requestOf(certIds: readonly Uint8Array[], nonce?: number): Uint8Array {
  const extensions =
    nonce === undefined
      ? []
      : [
          element(
            0xa2,
            sequence(sequence(objectIdentifier('1.3.6.1.5.5.7.48.1.2'), octetString(octetString(new Uint8Array(nonce).fill(7))))),
          ),
        ];
  return sequence(sequence(sequence(...certIds.map((certId) => sequence(certId))), ...extensions));
}
