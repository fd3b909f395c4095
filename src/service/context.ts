import { ledgerFile, pinsFile } from '../config/directories.js';
import type { Directories, Instance } from '../config/instance.js';
import type { Directory } from '../directory/directory.js';
import type { Database } from '../ledger/database.js';
import { openLedger } from '../ledger/ledger.js';
import { openPinGuard } from '../ledger/pins.js';
import { openToken } from '../pkcs11/open-token.js';
import type { OpenTokenOptions, Token } from '../pkcs11/token.js';
import { systemClock, type Clock } from '../platform/clock.js';

/** What a task that runs as the service user works with. */
export interface ServiceContext {
  readonly instance: Instance;
  readonly directories: Directories;
  readonly clock: Clock;
  readonly openToken: (options?: Pick<OpenTokenOptions, 'access' | 'force'>) => Promise<Token>;
  /** Opened when first asked for, closed with the context. */
  readonly ledger: () => Database;
  /** Bound to before the drop, for tasks that want it (tasks.ts); absent where the instance has none. */
  readonly directory?: Directory;
}

/** Runs `work` with everything it needs and closes what was opened, whatever happens. */
export async function withServiceContext<T>(
  given: { readonly instance: Instance; readonly directories: Directories; readonly env: Readonly<Record<string, string | undefined>>; readonly directory?: Directory },
  work: (context: ServiceContext) => Promise<T>,
): Promise<T> {
  const { instance, directories, env, directory } = given;
  const tokens: Token[] = [];
  let ledger: Database | undefined;
  const pins = openPinGuard(pinsFile(directories, instance));
  try {
    return await work({
      instance,
      directories,
      clock: systemClock,
      async openToken(options = {}) {
        const token = await openToken(instance.token, { pins, env, ...options });
        tokens.push(token);
        return token;
      },
      ledger: () => (ledger ??= openLedger(ledgerFile(directories, instance))),
      ...(directory === undefined ? {} : { directory }),
    });
  } finally {
    await Promise.allSettled([...tokens, ...(directory === undefined ? [] : [directory])].map((opened) => opened.close()));
    ledger?.close();
    pins.close();
  }
}
