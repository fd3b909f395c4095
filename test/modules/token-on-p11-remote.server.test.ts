import { p11Remote } from '../rig/modules/p11-remote.js';
import { tokenSuite } from './token-suite.js';

tokenSuite({
  make: p11Remote,
  makes: ['rsa:2048', 'rsa:3072', 'P-256', 'P-384', 'P-521'],
  init: /^hsmonger: No slot of .* has a token that is not initialised; /u,
  moveId: 'moved',
});
