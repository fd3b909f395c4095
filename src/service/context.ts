import { ledgerFile, pinsFile } from '../config/directories.js';
import type { InstanceSite } from '../config/instance.js';
import { tokenOn } from '../config/token-views.js';
import type { Database } from '../ledger/database.js';
import { openLedger } from '../ledger/ledger.js';
import { openPinGuard } from '../ledger/pins.js';
import type { InitMeans } from '../pkcs11/init-token.js';
import { readPin, type Pin } from '../pkcs11/pin/pin-source.js';
import { openToken } from '../pkcs11/open-token.js';
import type { OpenTokenOptions, Token } from '../pkcs11/token.js';
import { systemClock, type Clock } from '../platform/clock.js';
import type { Privileged } from './privileged.js';

/** What a task that runs as the service user works with. */
export interface ServiceContext extends Privileged, InstanceSite {
  readonly clock: Clock;
  /** Reads the PIN as for a login, and tries none. To be wiped (`pin.fill(0)`). */
  readonly readPin: () => Pin;
  /** `on`: one of the instance's further tokens, by its name; its own otherwise. */
  readonly openToken: (
    options?: Pick<OpenTokenOptions, 'access' | 'force' | 'anew'> & { readonly on?: string | undefined },
  ) => Promise<Token>;
  /** What initialising a token works with. */
  readonly initMeans: InitMeans;
  /** Opened when first asked for, closed with the context. */
  readonly ledger: () => Database;
  /** Tells whoever asked how far the work is, and hands over a part of the answer that is there. */
  readonly progress: (done: number, total: number, part?: unknown) => void;
  /** From the first call on an interrupt (SIGINT) no longer ends the process: it aborts the signal, and the task ends by itself. */
  readonly interruption: () => AbortSignal;
}

export type Interaction = Pick<ServiceContext, 'progress' | 'interruption'>;

/** Nobody looks and nobody interrupts. */
const alone: Interaction = { progress: () => undefined, interruption: () => new AbortController().signal };

/** Runs `work` with everything it needs and closes what was opened, whatever happens. */
export async function withServiceContext<T>(
  given: InstanceSite & {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly privileged?: Privileged;
    readonly interaction?: Interaction;
  },
  work: (context: ServiceContext) => Promise<T>,
): Promise<T> {
  const { instance, directories, env, privileged = {}, interaction = alone } = given;
  const tokens = new Set<Token>();
  let ledger: Database | undefined;
  const pins = openPinGuard(pinsFile(directories, instance));
  const reader = { uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1 };
  try {
    return await work({
      ...privileged,
      ...interaction,
      instance,
      directories,
      clock: systemClock,
      readPin: () => readPin(tokenOn(instance, undefined).pin, env, reader, (secret) => pins.tag(secret)),
      initMeans: { pins, reader, env },
      async openToken({ on, ...options } = {}) {
        const token = await openToken(tokenOn(instance, on), { pins, env, ...options });
        // A responder opens and closes them for months.
        const known: Token = {
          ...token,
          close: () => {
            tokens.delete(known);
            return token.close();
          },
        };
        tokens.add(known);
        return known;
      },
      ledger: () => (ledger ??= openLedger(ledgerFile(directories, instance))),
    });
  } finally {
    await Promise.allSettled(
      [...tokens, ...(privileged.directory === undefined ? [] : [privileged.directory])].map((opened) => opened.close()),
    );
    ledger?.close();
    pins.close();
  }
}
