import type { Digest } from '../config/instance.js';
import type { SignatureAlgorithm, SignatureChoice } from '../config/signature-algorithm.js';
import { HsmongerError } from '../errors.js';
import { element, integer, objectIdentifier, sequence } from './der.js';
import { keyFacts, signsOnlyPss, type KeyFacts } from './public-key.js';

const oids = {
  'rsa-pkcs1': { sha256: '1.2.840.113549.1.1.11', sha384: '1.2.840.113549.1.1.12', sha512: '1.2.840.113549.1.1.13' },
  ecdsa: { sha256: '1.2.840.10045.4.3.2', sha384: '1.2.840.10045.4.3.3', sha512: '1.2.840.10045.4.3.4' },
} as const;
const digestOids: Readonly<Record<Digest, string>> = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};
const digestOctets: Readonly<Record<Digest, number>> = { sha256: 32, sha384: 48, sha512: 64 };
const rsaPss = '1.2.840.113549.1.1.10';
const mgf1 = '1.2.840.113549.1.1.8';
const ed25519 = '1.3.101.112';
const nothing = element(0x05);

/**
 * DER AlgorithmIdentifier of a signature: NULL parameters for RSA PKCS#1 (RFC 4055 §5), none for ECDSA and EdDSA (RFC 5758 §3.2, RFC 8410
 * §3).
 */
export function algorithmIdentifier(algorithm: SignatureAlgorithm): Uint8Array {
  switch (algorithm.scheme) {
    case 'rsa-pkcs1':
      return sequence(objectIdentifier(oids['rsa-pkcs1'][algorithm.digest]), nothing);
    case 'rsa-pss': {
      const hash = sequence(objectIdentifier(digestOids[algorithm.digest]), nothing);
      const mask = sequence(objectIdentifier(mgf1), hash);
      const salt = integer(Uint8Array.of(digestOctets[algorithm.digest]));
      return sequence(objectIdentifier(rsaPss), sequence(element(0xa0, hash), element(0xa1, mask), element(0xa2, salt)));
    }
    case 'ecdsa':
      return sequence(objectIdentifier(oids.ecdsa[algorithm.digest]));
    case 'eddsa':
      return sequence(objectIdentifier(ed25519));
  }
}

/**
 * What the key signs with: the digest that was chosen, else the one of its strength (NIST SP 800-57 part 1, table 2). MECHANISM_UNSUPPORTED
 * for keys hsmonger does not sign with. `what` names the key in the message.
 */
export function fittingAlgorithm(spki: Uint8Array, { digest, rsaSignature }: SignatureChoice, what: string): SignatureAlgorithm {
  const facts = keyFacts(spki);
  switch (facts.type) {
    case 'RSA':
      return { scheme: rsaSignature === 'pss' || signsOnlyPss(spki) ? 'rsa-pss' : 'rsa-pkcs1', digest: digest ?? 'sha256' };
    case 'EC':
      return { scheme: 'ecdsa', digest: digest ?? curveDigest(facts) };
    case 'Ed25519':
      return { scheme: 'eddsa' };
    case 'other':
      throw new HsmongerError(
        'MECHANISM_UNSUPPORTED',
        `${what} is of a kind hsmonger does not sign with: use RSA, P-256, P-384, P-521 or Ed25519.`,
      );
  }
}

function curveDigest({ bits }: KeyFacts): Digest {
  if (bits > 384) return 'sha512';
  return bits > 256 ? 'sha384' : 'sha256';
}
