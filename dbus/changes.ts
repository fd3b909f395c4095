import { certmongerName, propertiesInterface, requestInterface } from './names.js';
import type { Bus } from './bus.js';

/** What happened at certmonger. There is no word of requests added or removed: list again from time to time. */
export type Change =
  /** A new certificate has been saved and read again; post-save has not run yet, the status is still READING_CERT. */
  | { readonly kind: 'saved'; readonly path: string }
  /** Names only: the values may hold a PIN. */
  | { readonly kind: 'properties'; readonly path: string; readonly names: readonly string[] }
  /** It started or ended: all paths known before are void. */
  | { readonly kind: 'daemon'; readonly running: boolean };

/** Lets many listen over one subscription, made when the first comes. */
export function changesOn(bus: Bus): (listener: (change: Change) => void) => Promise<() => void> {
  const listeners = new Set<(change: Change) => void>();
  const tell = (change: Change) => {
    for (const listener of [...listeners]) listener(change);
  };
  const subscribe = async () => {
    await bus.onOwnerChange(certmongerName, (owner) => {
      tell({ kind: 'daemon', running: owner !== undefined });
    });
    await bus.onSignal({ sender: certmongerName, interface: requestInterface, member: 'SavedCertificate' }, ({ path }) => {
      tell({ kind: 'saved', path });
    });
    // Its body is `sa{sv}`, the third part the interface promises is missing (tdbusm.c).
    await bus.onSignal(
      { sender: certmongerName, interface: propertiesInterface, member: 'PropertiesChanged' },
      ({ path, body: [of, changed] }) => {
        if (of === requestInterface)
          tell({ kind: 'properties', path, names: typeof changed === 'object' && changed !== null ? Object.keys(changed) : [] });
      },
    );
  };
  let subscription: Promise<void> | undefined;
  return async (listener) => {
    listeners.add(listener);
    subscription ??= subscribe();
    await subscription;
    return () => listeners.delete(listener);
  };
}
