import { softokn } from '../rig/modules/softokn.js';
import { tokenSuite } from './token-suite.js';

tokenSuite({
  make: softokn,
  makes: ['rsa:2048', 'rsa:3072', 'P-256', 'P-384', 'P-521'],
  init: /^hsmonger: No slot of .* has a token that is not initialised; /u,
  moveId: 'moved',
});
