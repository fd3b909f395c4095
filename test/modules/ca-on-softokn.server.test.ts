import { softokn } from '../rig/modules/softokn.js';
import { caSuite } from './ca-suite.js';

caSuite(softokn);
