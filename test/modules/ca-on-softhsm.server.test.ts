import { softHsm } from '../rig/modules/softhsm.js';
import { caSuite } from './ca-suite.js';

caSuite(softHsm);
