import { ledgerFile, pinsFile } from '../config/directories.js';
import type { Directories, Instance } from '../config/instance.js';
import { tokenOf } from '../config/token-of.js';
import type { Database } from '../ledger/database.js';
import { openLedger } from '../ledger/ledger.js';
import { openPinGuard } from '../ledger/pins.js';
import { readPin, type Pin } from '../pkcs11/pin-source.js';
import { openToken } from '../pkcs11/open-token.js';
import type { OpenTokenOptions, Token } from '../pkcs11/token.js';
import { systemClock, type Clock } from '../platform/clock.js';
import type { Privileged } from './privileged.js';

/** What a task that runs as the service user works with. */
export interface ServiceContext extends Privileged {
  readonly instance: Instance;
  readonly directories: Directories;
  readonly clock: Clock;
  /** Reads the PIN as for a login, and tries none. To be wiped (`pin.fill(0)`). */
  readonly readPin: () => Pin;
  readonly openToken: (options?: Pick<OpenTokenOptions, 'access' | 'force' | 'anew'>) => Promise<Token>;
  /** Opened when first asked for, closed with the context. */
  readonly ledger: () => Database;
  /** Tells whoever asked how far the work is. */
  readonly progress: (done: number, total: number) => void;
  /** From the first call on an interrupt (SIGINT) no longer ends the process: it aborts the signal, and the task ends by itself. */
  readonly interruption: () => AbortSignal;
}

export type Interaction = Pick<ServiceContext, 'progress' | 'interruption'>;

/** Nobody looks and nobody interrupts. */
const alone: Interaction = { progress: () => undefined, interruption: () => new AbortController().signal };

/** Runs `work` with everything it needs and closes what was opened, whatever happens. */
export async function withServiceContext<T>(
  given: { readonly instance: Instance; readonly directories: Directories; readonly env: Readonly<Record<string, string | undefined>>; readonly privileged?: Privileged; readonly interaction?: Interaction },
  work: (context: ServiceContext) => Promise<T>,
): Promise<T> {
  const { instance, directories, env, privileged = {}, interaction = alone } = given;
  const tokens: Token[] = [];
  let ledger: Database | undefined;
  const pins = openPinGuard(pinsFile(directories, instance));
  try {
    return await work({
      ...privileged,
      ...interaction,
      instance,
      directories,
      clock: systemClock,
      readPin: () => readPin(tokenOf(instance).pin, env, { uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1 }, (secret) => pins.tag(secret)),
      async openToken(options = {}) {
        const token = await openToken(tokenOf(instance), { pins, env, ...options });
        tokens.push(token);
        return token;
      },
      ledger: () => (ledger ??= openLedger(ledgerFile(directories, instance))),
    });
  } finally {
    await Promise.allSettled([...tokens, ...(privileged.directory === undefined ? [] : [privileged.directory])].map((opened) => opened.close()));
    ledger?.close();
    pins.close();
  }
}
