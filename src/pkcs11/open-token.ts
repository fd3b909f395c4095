import { setTimeout as sleep } from 'node:timers/promises';
import type { TokenConfig } from '../config/instance.js';
import { HsmongerError, type ErrorCode } from '../errors.js';
import { systemClock } from '../platform/clock.js';
import { returnValueOf } from './ckr.js';
import { openModule, type ModuleConfig } from './module/module.js';
import { openSession } from './session.js';
import { findToken, tokensOf } from './slots.js';
import type { ListedToken, OpenToken, OpenTokenOptions, Token, TokenDescription } from './token.js';

/** See OpenToken. Called after the drop to the service user: the module and its files are that user's business. */
export const openToken: OpenToken = async (config, options) => {
  for (const pause of pausesMs) {
    try {
      return open(config, options);
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    await sleep(pause);
  }
  return open(config, options);
};

/**
 * A token that is not there, or fails before anybody has logged in, is looked for again, through a freshly initialised module: SoftHSM
 * rewrites a token's file at every login, and who reads it at that moment sees no token or half of one; a network HSM in fail-over looks
 * the same.
 */
const passing: ReadonlySet<ErrorCode> = new Set(['TOKEN_NOT_FOUND', 'TOKEN_FAILED']);
/**
 * What a module says at C_Initialize while what it speaks to is away (SoftHSM without its token directory: CKR_GENERAL_ERROR), unlike one
 * that is not installed well.
 */
const passingAtFirst: ReadonlySet<string | undefined> = new Set([
  'CKR_GENERAL_ERROR',
  'CKR_FUNCTION_FAILED',
  'CKR_DEVICE_ERROR',
  'CKR_DEVICE_REMOVED',
  'CKR_TOKEN_NOT_PRESENT',
]);
const pausesMs = [100, 300, 900];

function isPassing(error: unknown): boolean {
  return (
    error instanceof HsmongerError &&
    (passing.has(error.code) || (error.code === 'MODULE_FAILED' && passingAtFirst.has(returnValueOf(error.cause))))
  );
}

function open(config: TokenConfig, options: OpenTokenOptions): Token {
  const module = openModule(config);
  try {
    const found = findToken(tokensOf(module.cryptoki, config.module), config.selector, config.module);
    const means = {
      source: config.pin,
      pins: options.pins,
      force: options.force ?? false,
      anew: options.anew ?? false,
      env: options.env ?? process.env,
      reader: self(),
      clock: systemClock,
    };
    return openSession({
      cryptoki: module.cryptoki,
      found,
      module: module.file,
      ...(config.asCopy === undefined ? {} : { asCopy: config.asCopy }),
      access: options.access ?? 'read',
      means,
      isCurrent: () => module.isCurrent(),
      release: () => {
        module.release();
      },
    });
  } catch (error) {
    module.release();
    throw error;
  }
}

/** The tokens a module shows, in its own order, for people to choose from; a slot's failure when no other slot shows one. */
export function listTokens(config: ModuleConfig): ListedToken[] {
  const module = openModule(config);
  try {
    const { tokens, failure } = tokensOf(module.cryptoki, config.module);
    if (tokens.length === 0 && failure !== undefined) throw failure;
    return tokens.map(({ index, description }) => ({ ...description, index }));
  } finally {
    module.release();
  }
}

/** What the token the configuration names says of itself: no session, no login, one try. */
export function describeToken(config: TokenConfig): TokenDescription {
  const module = openModule(config);
  try {
    return findToken(tokensOf(module.cryptoki, config.module), config.selector, config.module).description;
  } finally {
    module.release();
  }
}

function self(): { readonly uid: number; readonly gid: number } {
  return { uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1 };
}
