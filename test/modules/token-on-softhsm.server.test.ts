import { softHsm } from '../rig/modules/softhsm.js';
import { tokenSuite } from './token-suite.js';

tokenSuite({ make: softHsm, makes: ['rsa:2048', 'rsa:3072', 'P-256', 'P-384', 'P-521', 'Ed25519'], init: 'made', moveId: 'moved' });
