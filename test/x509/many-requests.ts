import { generateKeyPairSync, sign } from 'node:crypto';
import type { NamedRequest } from '../../src/issuer/token/issuance/results.js';
import { assembleRequest, buildRequestInfo } from '../../src/x509/build-csr.js';
import { algorithmIdentifier } from '../../src/x509/signature-algorithm.js';
import { subjectFromText } from '../../src/x509/names/subject-text.js';

/** Requests with a subject and a P-256 key of their own. */
export function makeRequests(count: number): NamedRequest[] {
  const identifier = algorithmIdentifier({ scheme: 'ecdsa', digest: 'sha256' });
  return Array.from({ length: count }, (_none, n) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const info = buildRequestInfo({
      subject: subjectFromText(`CN=server${String(n)}.example.test,O=Benchmark`),
      spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
      extensions: [],
    });
    return { name: String(n), csr: assembleRequest(info, identifier, new Uint8Array(sign('sha256', info, privateKey))) };
  });
}
