import { rmSync, writeFileSync, writeSync } from 'node:fs';
import { frontDescriptors, hasFront } from './front.js';

export interface Watchdog {
  /** The work is done: its time no longer counts, and the note goes. Not called where the work goes on in vain. */
  stop(): void;
}

/**
 * Has this process ended with SIGKILL after `seconds`, even while it is blocked inside a PKCS#11 module (C_Initialize and C_Login are
 * synchronous, and a timer would never fire): the shell in front of it is told to. `note` lies in `file` until stop(), to be taken
 * for the reason once `at` has passed; one that an ended process left stays, so that the next does not hide it.
 */
export function startWatchdog(seconds: number, file: string, note: string): Watchdog {
  try {
    writeFileSync(file, JSON.stringify({ at: new Date(Date.now() + seconds * 1000), message: note }), { mode: 0o600, flag: 'wx' });
  } catch {
    // There is one already, or no room for it: only a reason less to show.
  }
  if (hasFront(process.env)) writeSync(frontDescriptors.watchdog, `${String(process.pid)} ${String(seconds)}\n`);
  return {
    stop: () => {
      rmSync(file, { force: true });
    },
  };
}
