import { createPrivateKey, createPublicKey } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Instance } from '../config/instance.js';
import { HsmongerError, sentenceOf } from '../errors.js';
import { certificateFromPem } from '../x509/pem.js';
import type { FileFacts } from './facts.js';

const maxBytes = 65_536;

/**
 * What is in the files of the instance's certificates, read as whoever we are: a key file is root's. Of the key nothing leaves but its
 * public value, to be compared with the certificate's.
 */
export function readCertificateFiles({ certificates }: Pick<Instance, 'certificates'>): FileFacts[] {
  return certificates.flatMap(({ nickname, storage }) => {
    if (storage.kind !== 'file') return [];
    const certificate = attempted(() => ({ der: certificateIn(storage.certificate) }));
    return [{ nickname, certificate, key: attempted(() => ({ spki: publicValueOf(storage.key) })) }];
  });
}

/** DER of the first certificate of a PEM file: the one certmonger takes. CERTIFICATE_INVALID or NOT_PERMITTED otherwise. */
export function certificateIn(file: string): Uint8Array {
  const text = contentOf(file).toString('latin1');
  const [first = text] = /-----BEGIN (?<label>(?:X509 )?CERTIFICATE)-----[\s\S]*?-----END \k<label>-----/u.exec(text) ?? [];
  return certificateFromPem(first, `The file ${file}`);
}

function publicValueOf(file: string): Uint8Array {
  const pem = contentOf(file);
  try {
    return new Uint8Array(createPublicKey(createPrivateKey(pem)).export({ format: 'der', type: 'spki' }));
  } catch (error) {
    // OpenSSL's own words say nothing about the file.
    throw new HsmongerError('KEY_UNUSABLE', `${file} holds no private key in PEM without a passphrase`, { cause: error });
  } finally {
    pem.fill(0);
  }
}

/** Bounded and never waiting: whoever owns the directory may have put a FIFO or a device there. */
function contentOf(file: string): Buffer {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || stats.size > maxBytes) throw new Error('it is no file of a certificate or key');
    const content = Buffer.alloc(stats.size);
    return content.subarray(0, readSync(descriptor, content, 0, stats.size, 0));
  } catch (error) {
    throw new HsmongerError('NOT_PERMITTED', `${file} cannot be read: ${sentenceOf(error)}`, { cause: error });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function attempted<T>(work: () => T): T | { readonly failure: string } {
  try {
    return work();
  } catch (error) {
    return { failure: sentenceOf(error).replace(/\.$/u, '') };
  }
}
