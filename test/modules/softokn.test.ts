import { softokn } from '../rig/modules/softokn.js';
import { suite } from './suite.js';

suite({ make: softokn, keyTypes: ['rsa:2048', 'rsa:3072', 'P-256', 'P-384', 'P-521'] });
