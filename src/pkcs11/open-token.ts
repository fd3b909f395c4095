import type { TokenConfig } from '../config/instance.js';
import { openModule, type ModuleConfig } from './module.js';
import { openSession } from './session.js';
import { findToken, tokensOf } from './slots.js';
import type { OpenToken, TokenDescription } from './token.js';

/** See OpenToken. Called after the drop to the service user: the module and its files are that user's business. */
// eslint-disable-next-line @typescript-eslint/require-await -- failures come out as rejections
export const openToken: OpenToken = async (config: TokenConfig, options) => {
  const module = openModule(config);
  try {
    const found = findToken(tokensOf(module.cryptoki, config.module), config.selector, config.module);
    const means = { source: config.pin, pins: options.pins, force: options.force ?? false, env: options.env ?? process.env, reader: self() };
    return openSession({ cryptoki: module.cryptoki, found, module: config.module, access: options.access ?? 'read', means, release: () => { module.release(); } });
  } catch (error) {
    module.release();
    throw error;
  }
};

/** The tokens a module shows, in its own order, for people to choose from. */
export function listTokens(config: ModuleConfig): TokenDescription[] {
  const module = openModule(config);
  try {
    return tokensOf(module.cryptoki, config.module).map(({ description }) => description);
  } finally {
    module.release();
  }
}

function self(): { readonly uid: number; readonly gid: number } {
  return { uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1 };
}
