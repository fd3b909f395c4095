import { randomBytes, webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Certificate } from '../../../src/x509/certificate.js';
import {
  caExtensions,
  day,
  dnsNames,
  extendedKeyUsage,
  leafConstraints,
  makeCertificate,
  makeKeys,
  pem,
  type Keys,
} from '../../x509/material.js';
import type { DoubleOptions } from './double.js';

type Extra = Partial<Parameters<typeof makeCertificate>[0]>;

interface Identity {
  readonly certificate: string;
  readonly key: string;
  readonly pem: string;
  readonly keyPem: string | Buffer;
}

/** The double's CA, and who shows a certificate of it, or of another. */
export interface Authority {
  readonly ca: { readonly certificate: Certificate; readonly keys: Keys };
  readonly caFile: string;
  /** For this public key. */
  issue(spki: Uint8Array, subject: string, extra?: Extra): Promise<Certificate>;
  readonly server: Identity;
  readonly agent: Identity;
  readonly stranger: Identity;
  readonly powerless: Identity;
}

export async function createAuthority(directory: string, options: DoubleOptions): Promise<Authority> {
  const { days = 720 } = options;
  const now = Date.now();
  const keys = await makeKeys('p256');
  const ca = {
    keys,
    certificate: await makeCertificate({
      keys,
      subject: 'O=DOUBLE, CN=CA Signing Certificate',
      notBefore: new Date(now - day),
      notAfter: new Date(now + 1000 * day),
      extensions: caExtensions(),
      serial: '01',
    }),
  };
  const issue = async (spki: Uint8Array, subject: string, extra: Extra = {}) => {
    const publicKey = await webcrypto.subtle.importKey(
      'spki',
      spki,
      spki.length < 200 ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
      true,
      ['verify'],
    );
    return makeCertificate({
      keys: { ...keys, pair: { ...keys.pair, publicKey } },
      by: ca,
      subject,
      notBefore: new Date(now - day),
      notAfter: new Date(Date.now() + days * day),
      serial: randomBytes(8).fill(0x11, 0, 1).toString('hex'),
      extensions: [leafConstraints()],
      ...extra,
    });
  };
  const identity = async (name: string, subject: string, by?: { keys: Keys; certificate: Certificate }, extra: Extra = {}) => {
    const own = await makeKeys('p256');
    const certificate = await makeCertificate({
      keys: own,
      by: by ?? ca,
      subject,
      notBefore: new Date(now - 2 * day),
      notAfter: new Date(now + 90 * day),
      extensions: [
        leafConstraints(),
        extendedKeyUsage('1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'),
        dnsNames(options.serverName ?? 'localhost'),
      ],
      serial: randomBytes(8).fill(0x22, 0, 1).toString('hex'),
      ...extra,
    });
    const files = { certificate: path.join(directory, `${name}.pem`), key: path.join(directory, `${name}.key`) };
    writeFileSync(files.certificate, pem(certificate.der));
    writeFileSync(files.key, own.privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
    return { ...files, pem: pem(certificate.der), keyPem: own.privateKey.export({ format: 'pem', type: 'pkcs8' }) };
  };
  const caFile = path.join(directory, 'ca.pem');
  writeFileSync(caFile, pem(ca.certificate.der));
  const strangeKeys = await makeKeys('p256');
  const strange = {
    keys: strangeKeys,
    certificate: await makeCertificate({
      keys: strangeKeys,
      subject: 'CN=Stranger',
      notAfter: new Date(now + 90 * day),
      extensions: caExtensions(),
    }),
  };
  const server = await identity(
    'server',
    'O=DOUBLE, CN=server',
    undefined,
    options.serverExpired === true ? { notBefore: new Date(now - 9 * day), notAfter: new Date(now - day) } : {},
  );
  const agent = await identity('agent', 'O=DOUBLE, CN=agent');
  const stranger = await identity('stranger', 'O=DOUBLE, CN=agent', strange);
  const powerless = await identity('powerless', 'O=DOUBLE, CN=powerless');
  return { ca, caFile, issue, server, agent, stranger, powerless };
}
