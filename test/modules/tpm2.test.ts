import { tpm2 } from '../rig/modules/tpm2.js';
import { suite } from './suite.js';

suite({ make: tpm2, keyTypes: ['rsa:2048', 'P-256', 'P-384'] });
