import { p11Remote } from '../rig/modules/p11-remote.js';
import { caSuite } from './ca-suite.js';

caSuite(p11Remote);
