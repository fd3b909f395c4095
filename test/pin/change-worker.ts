import { renameSync } from 'node:fs';
import { loadInstance } from '../../src/config/load.js';
import { asHsmongerError } from '../../src/errors.js';
import { writeDurably } from '../../src/platform/durable-file.js';
import { wipeFile } from '../../src/platform/memory-file.js';
import { askService } from '../../src/service/ask.js';
import { changePin, finishPinChange, type Hands } from '../../src/service/pin/change.js';
import { changingPins, forgetPinChange, pinChanges, writePinChange } from '../../src/service/pin/change-journal.js';

// A change of a PIN that is killed before its n-th effect on the world, or in the middle of it where a worker is asked. Prints how many
// there were.
interface Order {
  readonly directories: { readonly config: string; readonly state: string };
  readonly files: readonly string[];
  readonly pin: string;
  readonly dieAt: number;
  /** Milliseconds into a worker's work; undefined: before it. */
  readonly after?: number;
  /** Of finishing a change instead of making one. */
  readonly finish?: boolean;
}
const { directories, files, pin, dieAt, after, finish } = JSON.parse(process.argv[2] ?? '') as Order;
let effects = 0;
function dying<A extends unknown[], R>(effect: (...args: A) => R, lasts = false): (...args: A) => R {
  return (...args) => {
    effects += 1;
    if (effects === dieAt) {
      if (after === undefined || !lasts) process.kill(process.pid, 'SIGKILL');
      else setTimeout(() => process.kill(process.pid, 'SIGKILL'), after);
    }
    return effect(...args);
  };
}
const hands: Hands = {
  ask: dying(askService as (...args: unknown[]) => Promise<unknown>, true) as typeof askService,
  note: dying(writePinChange),
  forget: dying(forgetPinChange),
  write: dying(writeDurably),
  rename: dying(renameSync as (from: string, to: string) => void),
  wipe: dying(wipeFile),
};
const place = { directories, instance: loadInstance(directories, 'hsmonger') };
let refusal = '';
await changingPins(directories, async () => {
  const [left] = pinChanges(directories);
  if (finish === true) {
    if (left !== undefined) await finishPinChange(place, left, hands);
    return;
  }
  await changePin(place, files, Buffer.from(pin), () => Promise.resolve(), hands).catch((error: unknown) => {
    refusal = asHsmongerError(error).code;
    if (refusal !== 'PIN_NOT_CHANGED') throw error;
  });
});
process.stdout.write(`${String(effects)} ${refusal}`);
