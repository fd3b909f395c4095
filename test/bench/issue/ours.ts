import { sign as signWith, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { caConfig } from '../../../src/config/ca-config.js';
import { parseInstance } from '../../../src/config/schema.js';
import { tokenOf } from '../../../src/config/token-of.js';
import { profiles } from '../../../src/issuer/profiles.js';
import { issueMany, type NamedRequest } from '../../../src/issuer/token/issuance/issue-many.js';
import { issuingCa } from '../../../src/issuer/token/issuance/prepared.js';
import { openLedger } from '../../../src/ledger/ledger.js';
import { openPinGuard } from '../../../src/ledger/pins.js';
import { parseKeyType } from '../../../src/pkcs11/key-type.js';
import { openToken } from '../../../src/pkcs11/open-token.js';
import { openSigningPool } from '../../../src/pkcs11/pool.js';
import { assembleRequest, buildRequestInfo } from '../../../src/x509/build-csr.js';
import { caBasicConstraints, keyUsageExtension, subjectKeyIdExtension } from '../../../src/x509/extensions.js';
import { parseCertificate } from '../../../src/x509/parse-certificate.js';
import { findPath } from '../../../src/x509/path.js';
import { keyIdentifier } from '../../../src/x509/public-key.js';
import { newSerial } from '../../../src/x509/serial.js';
import { algorithmIdentifier, fittingAlgorithm } from '../../../src/x509/signature-algorithm.js';
import { subjectFromText } from '../../../src/x509/subject-text.js';
import { assembleCertificate, buildTbsCertificate } from '../../../src/x509/tbs.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';

/** A CA whose key was just made on a token of this process's user, and how fast it issues. */
export interface OurCa {
  readonly token: SoftToken;
  readonly keyId: string;
  /** Certificates a second, from a request's DER to its certificate and the row in the ledger; `sessions` signatures at once. */
  rate(requests: readonly NamedRequest[], sessions: number): Promise<number>;
}

const day = 86_400_000;

export async function makeOurCa(directory: string, keyType: string): Promise<OurCa> {
  const token = await createSoftToken({ directory, label: keyType.replace(/[^A-Za-z0-9]/gu, '_') });
  const instance = parseInstance('bench', '/bench.toml', { token: { label: token.label, module: token.module, 'pin-file': token.pinFile, environment: token.environment }, nss: { database: '/n' }, issuer: { type: 'token', certificate: 'ca' } });
  const { issuer: config } = instance;
  if (config.type !== 'token') throw new Error('The bench signs on a token.');
  const pins = openPinGuard(path.join(directory, 'pins.sqlite'));
  const open = () => openToken(tokenOf(instance), { pins });
  const made = await openToken(tokenOf(instance), { pins, access: 'write' });
  const key = await made.generateKeyPair({ type: parseKeyType(keyType), label: 'ca' });
  if (key.spki === undefined) throw new Error('The token gives no public key.');
  const { spki } = key;
  const subject = subjectFromText(`CN=${keyType},O=Benchmark`);
  const algorithm = fittingAlgorithm(spki, {}, 'The key');
  const extensions = [caBasicConstraints, keyUsageExtension(['keyCertSign', 'cRLSign']), subjectKeyIdExtension(keyIdentifier(spki))];
  const signatureAlgorithm = algorithmIdentifier(algorithm);
  const tbs = buildTbsCertificate({ serial: newSerial(), issuer: subject, subject, notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 3650 * day), spki, extensions, signatureAlgorithm });
  const certificate = parseCertificate(assembleCertificate(tbs, signatureAlgorithm, await made.sign(key, algorithm, tbs)));
  await made.close();
  const found = findPath(certificate, [certificate]);
  if ('fault' in found) throw new Error(found.fault);
  const ca = issuingCa({ certificate, id: key.id, path: found, pool: [certificate] }, config, caConfig(instance));
  const ledgerFile = path.join(directory, `${token.label}.sqlite`);
  return {
    token,
    keyId: Buffer.from(key.id).toString('hex'),
    rate: async (requests, sessions) => {
      for (const leftover of [ledgerFile, `${ledgerFile}-journal`]) rmSync(leftover, { force: true });
      const ledger = openLedger(ledgerFile);
      const pool = await openSigningPool(open, { by: 'public-key', spki, id: key.id }, sessions);
      try {
        const start = performance.now();
        const results = await issueMany({ ca, order: { profile: profiles.caServerCert }, ledger, clock: () => new Date(), uid: 0, sign: (by, data) => pool.sign(by, data), sessions, busyMs: 60_000, progress: () => undefined, signal: new AbortController().signal }, requests);
        const seconds = (performance.now() - start) / 1000;
        const bad = results.find((result) => 'problem' in result);
        if (bad !== undefined) throw new Error(JSON.stringify(bad));
        return requests.length / seconds;
      } finally {
        await pool.close();
        ledger.close();
      }
    },
  };
}

/** Requests with subjects of their own and one key, as what a requester's key costs is none of the CA's business. */
export function makeRequests(count: number): NamedRequest[] {
  const { publicKey, privateKey }: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const spki = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));
  const identifier = algorithmIdentifier({ scheme: 'rsa-pkcs1', digest: 'sha256' });
  return Array.from({ length: count }, (_none, index) => {
    const info = buildRequestInfo({ subject: subjectFromText(`CN=server${String(index)}.example.test,O=Benchmark`), spki, extensions: [] });
    return { name: String(index), csr: assembleRequest(info, identifier, Uint8Array.from(signWith('sha256', info, privateKey))) };
  });
}
