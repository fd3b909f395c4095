/** Tests that play whole servers: minutes each. They are `npm run test:servers`; everything else is `npm test`. */
export const serversSuite = [
  'test/agent/breaks/breaks.test.ts',
  'test/agent/breaks/clock.test.ts',
  'test/agent/breaks/directory.test.ts',
  'test/cli/ca-external.test.ts',
  'test/cli/free-ipa.test.ts',
  'test/cli/free-ipa-without-hsm.test.ts',
  'test/cli/master.test.ts',
  'test/e2e/follower.test.ts',
  'test/e2e/without-hsm.test.ts',
  'test/pin/change-pin-killed.test.ts',
  'test/renewal/save-chain.test.ts',
  'test/renewal/save-on-server.test.ts',
  'test/renewal/save-on-shared-token.test.ts',
  'test/service/hooks.test.ts',
];
