import { HsmongerError } from '../../errors.js';

/** What a new key pair is to be. */
export type KeyPairType =
  | { readonly kind: 'RSA'; /** Modulus. */ readonly bits: number }
  | { readonly kind: 'EC'; readonly curve: 'P-256' | 'P-384' | 'P-521' }
  | { readonly kind: 'Ed25519' };

/** As pkcs11-tool, openssl and NIST name them, lower case. */
const curves: Readonly<Record<string, Extract<KeyPairType, { kind: 'EC' }>['curve']>> = {
  'p-256': 'P-256',
  prime256v1: 'P-256',
  secp256r1: 'P-256',
  'p-384': 'P-384',
  secp384r1: 'P-384',
  'p-521': 'P-521',
  secp521r1: 'P-521',
};
const edwards: ReadonlySet<string> = new Set(['ed25519', 'edwards25519']);
const rsaBits: ReadonlySet<number> = new Set([2048, 3072, 4096]);

/**
 * Reads a key type: rsa:2048, EC:secp384r1 (pkcs11-tool's words), P-384, Ed25519; case does not count. USAGE for any other, a short RSA key
 * included.
 */
export function parseKeyType(text: string): KeyPairType {
  const [, family, word = ''] = /^(?:(rsa|ec):)?(.+)$/u.exec(text.toLowerCase()) ?? [];
  if (family === 'rsa' && /^\d{1,5}$/u.test(word)) return rsa(Number(word));
  const curve = family === 'rsa' ? undefined : curves[word];
  if (curve !== undefined) return { kind: 'EC', curve };
  if (family !== 'rsa' && edwards.has(word)) return { kind: 'Ed25519' };
  throw new HsmongerError(
    'USAGE',
    `'${text}' is no key type: use rsa:2048, rsa:3072, rsa:4096, EC:prime256v1, EC:secp384r1, EC:secp521r1 (or P-256, P-384, P-521) or Ed25519.`,
  );
}

function rsa(bits: number): KeyPairType {
  if (bits < 2048)
    throw new HsmongerError(
      'USAGE',
      `An RSA key of ${String(bits)} bits is not made: less than 2048 is not certified any more; use rsa:3072 or rsa:4096.`,
    );
  if (!rsaBits.has(bits))
    throw new HsmongerError('USAGE', `An RSA key of ${String(bits)} bits is not made; use rsa:2048, rsa:3072 or rsa:4096.`);
  return { kind: 'RSA', bits };
}
