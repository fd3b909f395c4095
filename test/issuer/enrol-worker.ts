import { readFileSync } from 'node:fs';
import path from 'node:path';
import { tokenOf } from '../../src/config/token-of.js';
import { parseInstance } from '../../src/config/schema.js';
import { createTokenIssuer } from '../../src/issuer/token/token-issuer.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { openPinGuard } from '../../src/ledger/pins.js';
import { openToken } from '../../src/pkcs11/open-token.js';
import type { Token } from '../../src/pkcs11/token.js';
import { csrFromPem } from '../../src/x509/pem.js';
import { tokenIssuerOf } from './token-issuer-of.js';

/**
 * One SUBMIT in a process of its own: reads what is asked from the file in argv, says `signing` when the HSM is at work, then the
 * certificate.
 */
export interface WorkerOrder {
  readonly document: unknown;
  readonly state: string;
  readonly csr: string;
  /** DER, base64. */
  readonly old: string;
  readonly profile: string;
  /** How long the HSM takes before and after it signs. */
  readonly slowMs: number;
}

const order = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as WorkerOrder;
const instance = parseInstance('test', '/etc/hsmonger/test.toml', order.document);
const ledger = openLedger(path.join(order.state, 'ledger.sqlite'));
const pins = openPinGuard(path.join(order.state, 'pins.sqlite'));
const pause = () => new Promise((resolve) => setTimeout(resolve, order.slowMs));

async function slowToken(): Promise<Token> {
  const token = await openToken(tokenOf(instance), { pins });
  const sign = token.sign.bind(token);
  token.sign = async (...args) => {
    console.log('signing');
    await pause();
    const signature = await sign(...args);
    await pause();
    return signature;
  };
  return token;
}

const issuer = createTokenIssuer({
  instance,
  issuer: tokenIssuerOf(instance),
  openToken: slowToken,
  ledger,
  clock: () => new Date(),
  uid: process.getuid?.() ?? -1,
});
try {
  const { certificate } = await issuer.enrol({
    csr: csrFromPem(order.csr),
    oldCertificate: Uint8Array.from(Buffer.from(order.old, 'base64')),
    profile: order.profile,
  });
  console.log(`issued ${Buffer.from(certificate).toString('hex')}`);
} finally {
  await issuer.close();
  pins.close();
  ledger.close();
}
