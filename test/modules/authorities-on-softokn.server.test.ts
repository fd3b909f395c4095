import { softokn } from '../rig/modules/softokn.js';
import { authoritiesSuite } from './authorities-suite.js';

authoritiesSuite({ make: softokn, signs: ['RSA PKCS#1 v1.5', 'RSA-PSS', 'ECDSA P-256', 'ECDSA P-384'], lacks: ['Ed25519'] });
