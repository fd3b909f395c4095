import type { Instance, TokenIssuerConfig } from '../../src/config/instance.js';

/** The issuer of an instance that a test has given a token's. */
export function tokenIssuerOf({ issuer }: Pick<Instance, 'issuer'>): TokenIssuerConfig {
  if (issuer.type !== 'token') throw new Error(`This test's instance has the issuer '${issuer.type}'.`);
  return issuer;
}
