import pkcs11js from 'pkcs11js';
import type { PinSource } from '../config/instance.js';
import { HsmongerError, sentenceOf } from '../errors.js';
import { systemClock } from '../platform/clock.js';
import { assertLabelFree, chooseSlot, sameToken, type NewToken } from './choose-slot.js';
import { tokenFailure } from './ckr.js';
import type { Cryptoki, Handle } from './cryptoki.js';
import type { LoginMeans } from './pin/login.js';
import { openModule, type ModuleConfig, type OpenModule } from './module/module.js';
import { readPin, type PinReader } from './pin/pin-source.js';
import { slotText } from './slot-text.js';
import { tokensOf, type TokenInSlot } from './slots.js';
import { withSoPin } from './pin/so-pin.js';
import type { PinGuard, TokenDescription } from './token.js';

/** A token that is to be made. */
export interface InitOrder {
  readonly label: string;
  /** What planToken() found, which may have changed since. */
  readonly instead: TokenDescription;
  readonly soPin: PinSource;
  readonly pin: PinSource;
  /** Spends the security officer's last attempt. */
  readonly force: boolean;
}

export interface InitMeans {
  readonly pins: PinGuard;
  readonly reader: PinReader;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The slot a new token would be made in; see chooseSlot(). Changes nothing. */
export function planToken(config: ModuleConfig, wanted: NewToken): Promise<TokenDescription> {
  return withModule(
    config,
    ({ cryptoki }) => chooseSlot(tokensOf(cryptoki, config.module).tokens, wanted, config.module, hasPin(cryptoki)).description,
  );
}

const hasPin =
  (cryptoki: Cryptoki) =>
  ({ slot }: TokenInSlot) =>
    (cryptoki.C_GetTokenInfo(slot).flags & pkcs11js.CKF_USER_PIN_INITIALIZED) !== 0;

/**
 * Initialises a token and gives it a user PIN; returns what a freshly initialised module says of it, as SoftHSM moves a new token to
 * another slot. Erases what was there. PIN_ codes for both PINs; a token whose user PIN was refused is initialised all the same, and the
 * message says so.
 */
export async function initToken(config: ModuleConfig, order: InitOrder, { pins, reader, env }: InitMeans): Promise<TokenDescription> {
  const { label, instead } = order;
  const user = readPin(order.pin, env, reader, (secret) => pins.tag(secret));
  try {
    const file = await withModule(config, async ({ cryptoki, file: real }) => {
      const look = () => {
        const { tokens } = tokensOf(cryptoki, config.module);
        const found = tokens.find(({ description }) => sameToken(description, instead));
        assertLabelFree(tokens, label, found, config.module, hasPin(cryptoki));
        if (found === undefined)
          throw new HsmongerError(
            'TOKEN_NOT_FOUND',
            `Slot ${slotText(instead.slotId)} of ${config.module} no longer holds what it held when it was looked at; nothing was changed. Run this again.`,
          );
        return found;
      };
      const found = look();
      assertLength(cryptoki, found.slot, user.pin);
      const soMeans: LoginMeans = { source: order.soPin, pins, force: order.force, anew: false, env, reader, clock: systemClock };
      const site = {
        cryptoki,
        slot: found.slot,
        label: instead.initialized ? instead.label : label,
        guardKey: [real, instead.serial === '' ? `slot ${String(instead.slotId)}` : instead.serial, instead.label].join('\n'),
      };
      let session: Handle | undefined;
      await withSoPin(site, soMeans, (soPin) => {
        // Another process may have made a token here while this one waited for the guard.
        look();
        session = begin(cryptoki, found.slot, soPin, label);
      });
      if (session !== undefined) setUserPin(cryptoki, session, user.pin, label);
      return real;
    });
    const made = await withModule(
      config,
      ({ cryptoki }) =>
        tokensOf(cryptoki, config.module).tokens.find(({ description }) => description.initialized && description.label === label)
          ?.description,
    );
    if (made === undefined)
      throw new HsmongerError(
        'TOKEN_FAILED',
        `The module ${config.module} took the new token '${label}' and does not show it; look for it with the vendor's tool.`,
      );
    // What is remembered of this PIN file and an earlier token of that name is of no account.
    await pins.exclusively([file, made.serial, label].join('\n'), (memory) => {
      memory.succeeded(user.identity);
      return Promise.resolve();
    });
    return made;
  } finally {
    user.pin.fill(0);
  }
}

/** C_InitToken and the security officer's login: both judge the PIN, and the guard wants to see their own answer. */
function begin(cryptoki: Cryptoki, slot: Handle, soPin: string, label: string): Handle {
  cryptoki.C_InitToken(slot, soPin, padded(label));
  const session = cryptoki.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
  cryptoki.C_Login(session, pkcs11js.CKU_SO, soPin);
  return session;
}

/**
 * PKCS#11 2.40 §5.5: 32 octets, padded with blanks, not terminated. A shorter text would go there with whatever lies behind it in memory:
 * other programs then see a label with NULs.
 */
function padded(label: string): string {
  return label + ' '.repeat(Math.max(0, 32 - Buffer.byteLength(label)));
}

function setUserPin(cryptoki: Cryptoki, session: Handle, pin: Buffer, label: string): void {
  try {
    cryptoki.C_InitPIN(session, pin.toString('utf8'));
    cryptoki.C_Logout(session);
  } catch (error) {
    throw new HsmongerError(
      'PIN_NOT_CHANGED',
      `Token '${label}' was initialised, but did not take the user's PIN (${sentenceOf(error).slice(0, 60)}), so nobody can log in to it; mend the PIN file and run this again with --erase '${label}'.`,
      { cause: error },
    );
  } finally {
    close(cryptoki, session);
  }
}

function close(cryptoki: Cryptoki, session: Handle): void {
  try {
    cryptoki.C_CloseSession(session);
  } catch {
    // A session that is gone is closed; what went before it counts.
  }
}

/** Asked first: a token that was erased for a PIN it does not take is of no use. */
function assertLength(cryptoki: Cryptoki, slot: Handle, pin: Buffer): void {
  const { minPinLen = 0, maxPinLen = 0 } = cryptoki.C_GetTokenInfo(slot);
  if (pin.length >= minPinLen && (maxPinLen === 0 || pin.length <= maxPinLen)) return;
  throw new HsmongerError(
    'PIN_SOURCE_INVALID',
    `The token wants a user's PIN of ${String(minPinLen)} to ${String(maxPinLen)} octets, and the one in the PIN file has ${String(pin.length)}; nothing was changed.`,
  );
}

async function withModule<T>(config: ModuleConfig, work: (module: OpenModule) => T | Promise<T>): Promise<T> {
  const module = openModule(config);
  try {
    return await work(module);
  } catch (error) {
    throw tokenFailure(error, `Initialising a token of ${config.module}`);
  } finally {
    module.release();
  }
}
