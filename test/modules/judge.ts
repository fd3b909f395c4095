import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SignatureAlgorithm } from '../../src/config/signature-algorithm.js';
import { pem } from '../x509/material.js';
import { openssl } from '../x509/openssl.js';

/** openssl's first words on a signature: 'Verified OK' or 'Signature Verified Successfully'; what it says instead is thrown. */
export function opensslVerifies(
  directory: string,
  spki: Uint8Array,
  algorithm: SignatureAlgorithm,
  data: Uint8Array,
  signature: Uint8Array,
): string {
  const file = (name: string, content: Uint8Array | string) => {
    const target = path.join(directory, name);
    writeFileSync(target, content);
    return target;
  };
  const key = file('key.pem', pem(spki, 'PUBLIC KEY'));
  const [signed, by] = [file('data', data), file('signature', signature)];
  switch (algorithm.scheme) {
    case 'rsa-pkcs1':
    case 'ecdsa':
      return openssl(['dgst', `-${algorithm.digest}`, '-verify', key, '-signature', by, signed])
        .toString()
        .trim();
    case 'rsa-pss':
      return openssl([
        'dgst',
        `-${algorithm.digest}`,
        '-sigopt',
        'rsa_padding_mode:pss',
        '-sigopt',
        'rsa_pss_saltlen:digest',
        '-verify',
        key,
        '-signature',
        by,
        signed,
      ])
        .toString()
        .trim();
    case 'eddsa':
      return openssl(['pkeyutl', '-verify', '-pubin', '-inkey', key, '-rawin', '-in', signed, '-sigfile', by]).toString().trim();
  }
}

/** A certificate of no consequence, DER. */
export function selfSigned(): Buffer {
  return openssl([
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    '/dev/null',
    '-outform',
    'DER',
    '-subj',
    '/O=Test/CN=on a token',
    '-days',
    '2',
  ]);
}
