import { existsSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import type { InstanceSite } from '../../config/instance.js';
import { tokenOf } from '../../config/token-of.js';
import { asHsmongerError, HsmongerError, type ErrorCode } from '../../errors.js';
import { besidePinFile } from '../../pkcs11/pin/pin-source.js';
import { writeDurably } from '../../platform/durable-file.js';
import { wipeFile } from '../../platform/memory-file.js';
import { askService } from '../ask.js';
import { forgetPinChange, writePinChange, type PinChange } from './change-journal.js';

/** Everything a change does to the world, so that a test can end the process before each of them. */
export interface Hands {
  readonly ask: typeof askService;
  readonly note: typeof writePinChange;
  readonly forget: typeof forgetPinChange;
  readonly write: typeof writeDurably;
  readonly rename: (from: string, to: string) => void;
  readonly wipe: (file: string) => void;
}

const own: Hands = {
  ask: askService,
  note: writePinChange,
  forget: forgetPinChange,
  write: writeDurably,
  rename: renameSync,
  wipe: wipeFile,
};

/**
 * Gives the token a new PIN, and every one of `files`, the instance's own first, which holds the old one. The files are away while the
 * token changes: certmonger's children and our own find no PIN then, and spend no attempt. Killed anywhere, finishPinChange() finishes it.
 * PIN_NOT_CHANGED, and everything as it was, where the token does not take the new PIN; after any other failure it is either undone or left
 * for finishPinChange(). `quiet` waits, once the files are away, for those who have read the old PIN and not used it yet; it fails where
 * they do not come to an end.
 */
export async function changePin(
  place: InstanceSite,
  files: readonly string[],
  pin: Buffer,
  quiet: () => Promise<void>,
  hands: Hands = own,
): Promise<void> {
  const { name, partOn } = place.instance;
  const change = { instance: name, ...(partOn === undefined ? {} : { on: partOn }), files };
  hands.note(place.directories, { ...change, step: 'prepared' });
  try {
    for (const file of files) writeBeside(file, pin, hands);
    for (const file of files) hands.rename(file, besidePinFile(file).old);
    await quiet();
  } catch (error) {
    undo(place, change, hands);
    throw new HsmongerError('PIN_NOT_CHANGED', `The token keeps its PIN, and everything is as it was: ${asHsmongerError(error).message}`, {
      cause: error,
    });
  }
  hands.note(place.directories, { ...change, step: 'changing' });
  try {
    const { old, next } = besidePinFile(mainOf(change));
    await hands.ask(withPinFile(place, old), 'change token PIN', { to: next, asked: process.pid });
  } catch (error) {
    const { code } = asHsmongerError(error);
    if (code === 'PIN_NOT_CHANGED') undoForCertain(place, change, hands);
    else if ((await decide(place, change, hands)) === 'changed') return;
    throw error;
  }
  if ((await decide(place, change, hands)) === 'undone') {
    throw new HsmongerError(
      'PIN_NOT_CHANGED',
      'The token said that it took the new PIN, and still takes the old one alone; everything is as it was. Ask its vendor.',
    );
  }
}

export type PinChangeEnd = 'changed' | 'undone' | 'lost' | 'written anew';

/**
 * Finishes a change that was interrupted. The token decides where nothing else can: the new PIN is tried once, and the old one once if it
 * is refused, by the PIN guard's rules; a second run tries neither again. 'lost': both were in memory only, and gone. 'written anew': the
 * same, and somebody has unlocked since. PIN_KNOWN_BAD where the token takes neither.
 */
export async function finishPinChange(place: InstanceSite, change: PinChange, hands: Hands = own): Promise<PinChangeEnd> {
  const beside = change.files.map(besidePinFile);
  const isThere = change.files.some((file) => existsSync(file));
  // Other steps leave what is there as it is, and are noted before the last file beside goes.
  if (beside.every(({ old, next }) => !existsSync(old) && !existsSync(next)) && (!isThere || change.step === 'changing')) {
    hands.forget(place.directories, change);
    return isThere ? 'written anew' : 'lost';
  }
  switch (change.step) {
    case 'prepared':
      undo(place, change, hands);
      return 'undone';
    case 'changing':
      return decide(place, change, hands);
    case 'changed':
      complete(place, change, hands);
      return 'changed';
  }
}

const refused: ReadonlySet<ErrorCode> = new Set(['PIN_INCORRECT', 'PIN_KNOWN_BAD']);

async function decide(place: InstanceSite, change: Omit<PinChange, 'step'>, hands: Hands): Promise<'changed' | 'undone'> {
  const { old, next } = besidePinFile(mainOf(change));
  if (await takes(place, next, hands)) {
    hands.note(place.directories, { ...change, step: 'changed' });
    complete(place, change, hands);
    return 'changed';
  }
  if (await takes(place, old, hands)) {
    undoForCertain(place, change, hands);
    return 'undone';
  }
  if (existsSync(mainOf(change))) {
    // Somebody has written it anew, as the sentence below asks for.
    undoForCertain(place, change, hands);
    return 'undone';
  }
  throw new HsmongerError(
    'PIN_KNOWN_BAD',
    `The token takes neither the old PIN, in ${old}, nor the new one, in ${next}: somebody else has changed it. Write the right one into ${change.files.join(', ')} and run 'hsmonger token change-pin' again.`,
  );
}

/** By a process of its own, which opens module and token anew, as certmonger's children do. */
async function takes(place: InstanceSite, file: string, hands: Hands): Promise<boolean> {
  try {
    await hands.ask(withPinFile(place, file), 'prove PIN', { force: false, anew: false });
    return true;
  } catch (error) {
    if (error instanceof HsmongerError && refused.has(error.code)) return false;
    throw error;
  }
}

function complete({ directories }: InstanceSite, change: Omit<PinChange, 'step'>, hands: Hands): void {
  for (const file of change.files) {
    const { old, next } = besidePinFile(file);
    if (existsSync(next)) hands.rename(next, file);
    hands.wipe(old);
  }
  hands.forget(directories, change);
}

/** Noted first: killed in the middle of it, nobody asks the token again. */
function undoForCertain(place: InstanceSite, change: Omit<PinChange, 'step'>, hands: Hands): void {
  hands.note(place.directories, { ...change, step: 'prepared' });
  undo(place, change, hands);
}

function undo({ directories }: InstanceSite, change: Omit<PinChange, 'step'>, hands: Hands): void {
  for (const file of change.files) {
    const { old, next } = besidePinFile(file);
    if (existsSync(old) && !existsSync(file)) hands.rename(old, file);
    hands.wipe(old);
    hands.wipe(next);
  }
  hands.forget(directories, change);
}

/** Same owner and mode as the PIN file's. */
function writeBeside(file: string, pin: Buffer, hands: Hands): void {
  const { uid, gid, mode } = statSync(file);
  const line = Buffer.concat([pin, Buffer.from('\n')]);
  try {
    hands.write(besidePinFile(file).next, line, { mode: mode & 0o7777, owner: { uid, gid } });
  } finally {
    line.fill(0);
  }
}

function withPinFile({ instance, directories }: InstanceSite, file: string): InstanceSite {
  return { directories, instance: { ...instance, token: { ...tokenOf(instance), pin: { from: 'file', path: file } } } };
}

/** Whose two PINs are tried. A file that was in memory may be gone while another on a disk is there. */
function mainOf({ files }: Pick<PinChange, 'files'>): string {
  const main = files.find((file) => existsSync(besidePinFile(file).old) && existsSync(besidePinFile(file).next)) ?? files[0];
  if (main === undefined) throw new HsmongerError('INTERNAL', 'A change of a PIN without a PIN file.');
  return path.normalize(main);
}
