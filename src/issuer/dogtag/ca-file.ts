import { HsmongerError, sentenceOf } from '../../errors.js';
import { readBoundedFile } from '../../platform/bounded-file.js';
import type { Certificate } from '../../x509/certificate.js';
import { readableCertificates } from '../../x509/readable-certificates.js';
import { bytesOf } from './pkcs7.js';

/** What the server's certificate must chain to: as node's TLS wants it, and parsed. */
export interface CaFile {
  readonly pem: string;
  readonly certificates: readonly Certificate[];
}

/** A bundle of every public CA has a quarter of it. */
const largest = 1024 * 1024;

/** Reads issuer.ca-file, which anybody may read; CONFIG_INVALID where it holds no certificate. */
export function readCaFile(file: string): CaFile {
  let text: string;
  try {
    text = readBoundedFile(file, largest).toString('utf8');
  } catch (error) {
    throw new HsmongerError(
      'CONFIG_INVALID',
      `issuer.ca-file ${file} cannot be read: ${sentenceOf(error)}; without it no server is trusted.`,
      { cause: error },
    );
  }
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/gu) ?? [];
  const certificates = readableCertificates(blocks.map((block) => bytesOf(block) ?? new Uint8Array()));
  // An empty list would have node trust the world's public CAs.
  if (certificates.length === 0)
    throw new HsmongerError('CONFIG_INVALID', `issuer.ca-file ${file} holds no certificate in PEM; without one no server is trusted.`);
  return { pem: blocks.join('\n'), certificates };
}
