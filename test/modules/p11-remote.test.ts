import { p11Remote } from '../rig/modules/p11-remote.js';
import { suite } from './suite.js';

suite({ make: p11Remote, keyTypes: ['rsa:2048', 'rsa:3072', 'P-256', 'P-384', 'P-521'] });
