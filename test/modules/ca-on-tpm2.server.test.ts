import { tpm2 } from '../rig/modules/tpm2.js';
import { caSuite } from './ca-suite.js';

caSuite(tpm2);
