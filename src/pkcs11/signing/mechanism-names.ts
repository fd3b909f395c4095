import type { SignatureAlgorithm } from '../../config/signature-algorithm.js';

/**
 * The mechanisms that give this signature, by name, the best first: what signs there loads the module, and who only asks what a token lists
 * need not (mechanisms.ts).
 */
export function mechanismNames(algorithm: SignatureAlgorithm): readonly string[] {
  switch (algorithm.scheme) {
    case 'rsa-pkcs1':
      return [`CKM_${algorithm.digest.toUpperCase()}_RSA_PKCS`, 'CKM_RSA_PKCS'];
    case 'rsa-pss':
      return [`CKM_${algorithm.digest.toUpperCase()}_RSA_PKCS_PSS`, 'CKM_RSA_PKCS_PSS'];
    case 'ecdsa':
      return [`CKM_ECDSA_${algorithm.digest.toUpperCase()}`, 'CKM_ECDSA'];
    case 'eddsa':
      return ['CKM_EDDSA'];
  }
}
