import { tpm2 } from '../rig/modules/tpm2.js';
import { authoritiesSuite } from './authorities-suite.js';

authoritiesSuite({
  make: tpm2,
  signs: ['RSA PKCS#1 v1.5', 'ECDSA P-256', 'ECDSA P-384'],
  lacks: ['RSA-PSS', 'Ed25519'],
  found: ['rsa:2048'],
});
