import { softHsm } from '../rig/modules/softhsm.js';
import { authoritiesSuite } from './authorities-suite.js';

authoritiesSuite({
  make: softHsm,
  signs: ['RSA PKCS#1 v1.5', 'RSA-PSS', 'ECDSA P-256', 'ECDSA P-384', 'ECDSA P-384 with SHA-512', 'ECDSA P-521', 'Ed25519'],
  lacks: [],
});
