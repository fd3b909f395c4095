import { tokenOf } from '../../src/config/token-of.js';
import { directoriesFrom, ledgerFile, pinsFile } from '../../src/config/directories.js';
import type { Instance } from '../../src/config/instance.js';
import { asHsmongerError } from '../../src/errors.js';
import { unfinished } from '../../src/ledger/journal.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { openPinGuard } from '../../src/ledger/pins.js';
import { openToken } from '../../src/pkcs11/open-token.js';
import { systemClock } from '../../src/platform/clock.js';
import { run } from '../../src/platform/run.js';
import { accountOf } from '../../src/platform/service-user.js';
import { afterSaving, beforeSaving, finishSaving, pendingSavings, prepareSaving, resumeSaving } from '../../src/renewal/save.js';
import type { SavingContext } from '../../src/renewal/saving-context.js';
import { gatherPrivileged, type Privileged } from '../../src/service/privileged.js';
import { serveWorker } from '../rig/worker.js';

export interface SavingOrder {
  readonly instance: Instance;
  readonly stateDir: string;
  readonly action: 'before' | 'prepare' | 'after' | 'pending' | 'resume' | 'finish' | 'unfinished';
  readonly nickname?: string;
  readonly serverRuns?: string;
  /** Where this process kills itself: a step of the journal, or before or after the n-th call of something that writes. */
  readonly die?: { readonly at: string; readonly count?: number };
}

export type SavingAnswer = { readonly value: unknown } | { readonly code: string; readonly message: string };

await serveWorker<Privileged>(
  async (input, privileged = {}): Promise<SavingAnswer> => {
    const order = input as SavingOrder;
    const { instance, nickname = '' } = order;
    const directories = directoriesFrom({ configDir: '/nonexistent', stateDir: order.stateDir }, {});
    const counts = new Map<string, number>();
    const passing = (place: string) => {
      const count = (counts.get(place) ?? 0) + 1;
      counts.set(place, count);
      if (order.die?.at === place && (order.die.count ?? 1) === count) process.kill(process.pid, 'SIGKILL');
    };
    const ledger = openLedger(ledgerFile(directories, instance));
    const pins = openPinGuard(pinsFile(directories, instance));
    const context: SavingContext = {
      instance,
      directories,
      clock: systemClock,
      ...privileged,
      ...(order.serverRuns === undefined ? {} : { serverRuns: order.serverRuns }),
      ...(privileged.directory === undefined
        ? {}
        : {
            directory: {
              ...privileged.directory,
              modify: async (dn, modifications) => {
                passing('before modify');
                await privileged.directory?.modify(dn, modifications);
                passing('after modify');
              },
            },
          }),
      ledger: () => ledger,
      run: async (program, args, options) => {
        passing(`before ${program} ${args[0] ?? ''}`);
        const result = await run(program, args, options);
        passing(`after ${program} ${args[0] ?? ''}`);
        return result;
      },
      openToken: async (options) => {
        const token = await openToken(tokenOf(instance), { pins, ...options });
        return {
          ...token,
          destroyCertificates: async (der) => {
            passing('before destroy');
            const destroyed = await token.destroyCertificates(der);
            passing('after destroy');
            return destroyed;
          },
        };
      },
      onStep: (_, step) => {
        passing(step);
      },
    };
    try {
      switch (order.action) {
        case 'before':
          return { value: await beforeSaving(context, nickname) };
        case 'prepare':
          return { value: await prepareSaving(context, nickname) };
        case 'pending':
          return { value: await pendingSavings(context) };
        case 'after':
          return { value: await afterSaving(context, nickname) };
        case 'resume':
          return { value: await resumeSaving(context) };
        case 'finish':
          finishSaving(context, nickname);
          return { value: undefined };
        case 'unfinished':
          return { value: unfinished(ledger) };
      }
    } catch (error) {
      const { code, message } = asHsmongerError(error);
      return { code, message: error instanceof Error && code === 'INTERNAL' ? String(error.stack) : message };
    }
  },
  (input) => {
    const { instance } = input as SavingOrder;
    return gatherPrivileged('resume saving', instance, accountOf(instance.user));
  },
);
