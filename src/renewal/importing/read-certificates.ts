import { HsmongerError, sentenceOf } from '../../errors.js';
import type { run } from '../../platform/run.js';
import type { Certificate } from '../../x509/certificate.js';
import { derFault } from '../../x509/der.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificatesFromPem } from '../../x509/pem.js';

/** A file a person handed in. */
export interface GivenFile {
  readonly name: string;
  readonly content: Uint8Array;
}

/**
 * Every certificate in a file as CAs send them: PEM, one or many, text around them; DER; PKCS#7 in either form. CERTIFICATE_INVALID where
 * there is none.
 */
export async function readCertificates({ name, content }: GivenFile, runProgram: typeof run): Promise<Certificate[]> {
  const text = Buffer.from(content).toString('latin1');
  const ders = /-----BEGIN (?:X509 )?CERTIFICATE-----/u.test(text)
    ? certificatesFromPem(text, name)
    : await otherwise(name, content, text, runProgram);
  if (ders.length === 0)
    throw new HsmongerError('CERTIFICATE_INVALID', `${name} holds no certificate; hand in PEM, DER or PKCS#7 as the other CA sent it.`);
  return ders.map((der) => parseCertificate(der, `A certificate in ${name}`));
}

async function otherwise(name: string, content: Uint8Array, text: string, runProgram: typeof run): Promise<Uint8Array[]> {
  const pem = /-----BEGIN (?:PKCS7|PKCS #7 SIGNED DATA|CMS)-----/u.test(text);
  if (!pem && derFault(content) !== undefined) return [];
  // PKCS#7's first element is an OBJECT IDENTIFIER, a certificate's is a SEQUENCE.
  if (!pem && !isPkcs7(content)) return [Uint8Array.from(content)];
  try {
    const input = pem ? text.replace(/(-----(?:BEGIN|END)) (?:PKCS #7 SIGNED DATA|CMS)-----/gu, '$1 PKCS7-----') : content;
    const { stdout } = await runProgram('openssl', ['pkcs7', '-inform', pem ? 'PEM' : 'DER', '-print_certs'], { input, timeoutMs: 30_000 });
    return certificatesFromPem(stdout, `the PKCS#7 in ${name}`);
  } catch (error) {
    throw new HsmongerError('CERTIFICATE_INVALID', `${name} looks like PKCS#7, and OpenSSL cannot read it: ${sentenceOf(error)}`, {
      cause: error,
    });
  }
}

/** The content type's tag comes right after the outer header, whose length octets may be several. */
function isPkcs7(der: Uint8Array): boolean {
  const first = der[1] ?? 0;
  return der[0] === 0x30 && der[first < 0x80 ? 2 : 2 + (first & 0x7f)] === 0x06;
}
