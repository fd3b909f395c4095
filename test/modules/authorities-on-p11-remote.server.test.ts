import { p11Remote } from '../rig/modules/p11-remote.js';
import { authoritiesSuite } from './authorities-suite.js';

authoritiesSuite({ make: p11Remote, signs: ['RSA PKCS#1 v1.5', 'RSA-PSS', 'ECDSA P-256', 'ECDSA P-384'], lacks: ['Ed25519'] });
