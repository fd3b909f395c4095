import { spawnSync } from 'node:child_process';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TokenKey } from '../../src/pkcs11/token.js';
import type { NssDatabase } from '../rig/nss-database.js';
import type { SoftToken } from '../rig/soft-token.js';

/** Where the keys are. */
export interface Keyring {
  readonly directory: string;
  readonly soft: SoftToken;
  readonly nss: NssDatabase;
}

/** A program of others that signs with a key on the token, by the label and CKA_ID hsmonger gave it. */
export interface Signer {
  readonly name: string;
  /** Whether it makes a signature, and openssl or Node verifies it. */
  signs(ring: Keyring, key: TokenKey): boolean;
}

export const signers: readonly Signer[] = [
  { name: 'OpenSSL (engine pkcs11)', signs: byEngine },
  { name: 'GnuTLS (p11tool)', signs: byP11tool },
  { name: 'NSS (certutil)', signs: byCertutil },
  { name: 'OpenSC (pkcs11-tool)', signs: byPkcs11Tool },
];

function tried({ directory, soft }: Keyring, program: string, ...args: string[]): { readonly ok: boolean; readonly said: string } {
  // However it ends: the engine crashes over a key it does not know.
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: directory,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', ...soft.environment, PKCS11_MODULE_PATH: soft.module },
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (error !== undefined) throw error;
  return { ok: status === 0, said: stdout + stderr };
}

/** A request's signature is by the key in it. */
function requested(ring: Keyring, file: string, key: TokenKey): boolean {
  const { said } = tried(ring, 'openssl', 'req', '-verify', '-noout', '-pubkey', '-in', file);
  const [pem] = /-----BEGIN PUBLIC KEY[^]*END PUBLIC KEY-----/u.exec(said) ?? [];
  return (
    /Certificate request self-signature verify OK|verify OK/u.test(said) &&
    pem !== undefined &&
    createPublicKey(pem).export({ type: 'spki', format: 'der' }).equals(Buffer.from(key.spki!))
  );
}

function byEngine(ring: Keyring, key: TokenKey): boolean {
  const { soft } = ring;
  const out = `${key.label}-engine.csr`;
  const { ok } = tried(
    ring,
    'openssl',
    'req',
    '-new',
    '-engine',
    'pkcs11',
    '-keyform',
    'engine',
    '-key',
    `pkcs11:token=${soft.label};object=${key.label};type=private?pin-value=${soft.pin}`,
    '-subj',
    '/CN=x',
    '-out',
    out,
  );
  return ok && requested(ring, out, key);
}

/** It verifies by the public key on the token itself. */
function byP11tool(ring: Keyring, key: TokenKey): boolean {
  const { soft } = ring;
  // It takes SHA-256 for EdDSA, too, unless it is told otherwise.
  const hash = key.type === 'Ed25519' ? ['--hash', 'SHA512'] : [];
  const { said } = tried(
    ring,
    'p11tool',
    '--provider',
    soft.module,
    '--login',
    '--set-pin',
    soft.pin,
    '--test-sign',
    ...hash,
    `pkcs11:token=${soft.label};object=${key.label};type=private`,
  );
  return /^Signing using .*ok$[^]*^Verifying against public key in the token\.\.\. ok$/mu.test(said);
}

function byCertutil(ring: Keyring, key: TokenKey): boolean {
  const { soft, nss } = ring;
  const out = `${key.label}-nss.csr`;
  const { ok } = tried(
    ring,
    'certutil',
    '-R',
    '-d',
    `sql:${nss.database}`,
    '-h',
    soft.label,
    '-f',
    nss.loginFile,
    '-k',
    Buffer.from(key.id).toString('hex'),
    '-s',
    'CN=x',
    '-Z',
    'SHA256',
    '-a',
    '-o',
    out,
  );
  return ok && requested(ring, out, key);
}

function byPkcs11Tool(ring: Keyring, key: TokenKey): boolean {
  const { directory, soft } = ring;
  const data = Buffer.from('to be signed');
  const [mechanism, input] = {
    RSA: ['SHA256-RSA-PKCS', data],
    EC: ['ECDSA', createHash('sha256').update(data).digest()],
    Ed25519: ['EDDSA', data],
  }[key.type as 'RSA' | 'EC' | 'Ed25519'] as [string, Buffer];
  writeFileSync(path.join(directory, 'data'), input);
  const { ok } = tried(
    ring,
    'pkcs11-tool',
    '--module',
    soft.module,
    '--token-label',
    soft.label,
    '--login',
    '--pin',
    soft.pin,
    '--sign',
    '--id',
    Buffer.from(key.id).toString('hex'),
    '-m',
    mechanism,
    ...(key.type === 'EC' ? ['--signature-format', 'openssl'] : []),
    '-i',
    'data',
    '-o',
    'signature',
  );
  if (!ok) return false;
  return verify(
    key.type === 'Ed25519' ? null : 'sha256',
    data,
    { key: Buffer.from(key.spki!), format: 'der', type: 'spki' },
    readFileSync(path.join(directory, 'signature')),
  );
}
