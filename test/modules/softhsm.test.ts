import { softHsm } from '../rig/modules/softhsm.js';
import { suite } from './suite.js';

suite({ make: softHsm, keyTypes: ['rsa:2048', 'rsa:3072', 'P-256', 'P-384', 'P-521', 'Ed25519'] });
