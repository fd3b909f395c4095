import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { UnlockedPin } from '../../config/instance.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { leftBeside } from '../../platform/aside.js';
import { writeDurably } from '../../platform/durable-file.js';
import { staysInMemory, wipeFile } from '../../platform/memory-file.js';
import type { Account } from '../../platform/service-user.js';
import { distrustOf } from '../../platform/trusted-path.js';

/** The file is there for certmonger and for us. */
export function isUnlocked({ path: file }: UnlockedPin): boolean {
  return existsSync(file);
}

/** 'lock': somebody ran `hsmonger lock`. 'refused': the token refused the PIN that was there. */
export type LockReason = 'lock' | 'refused';

/** Why the agent leaves it locked, however often it starts, until somebody unlocks; undefined where it may use its credential. */
export function lockedFor(pin: UnlockedPin): LockReason | undefined {
  if (!existsSync(markOf(pin))) return undefined;
  return readFileSync(markOf(pin), 'utf8') === 'refused' ? 'refused' : 'lock';
}

/** Makes the directory where it is missing. PIN_UNSAFE where the file would lie on a disk, or others could replace it. */
export function prepareUnlocked({ path: file }: UnlockedPin): void {
  const directory = path.dirname(file);
  const move = "let 'token.pin-unlock' name one in a directory of root's below /run";
  try {
    if (!staysInMemory(directory))
      throw new HsmongerError('PIN_UNSAFE', `${file} would lie on a disk: ${directory} is on neither tmpfs nor ramfs; ${move}.`);
    if (!existsSync(directory)) {
      mkdirSync(directory);
      // Whatever the umask, the agent's is 077: the service user has to get there.
      chmodSync(directory, 0o755);
    }
    const distrust = distrustOf(directory);
    if (distrust !== undefined) throw new HsmongerError('PIN_UNSAFE', `${file} could be replaced by others: ${distrust}; ${move}.`);
  } catch (error) {
    if (error instanceof HsmongerError) throw error;
    throw new HsmongerError('PIN_UNSAFE', `There is no place in memory for ${file}: ${sentenceOf(error)}; ${move}.`, { cause: error });
  }
}

/** Puts a proven PIN in its place, in one step, for the service user alone. */
export function placeUnlocked(unlocked: UnlockedPin, pin: Buffer, account: Account): void {
  sweep(unlocked);
  const line = Buffer.concat([pin, Buffer.from('\n')]);
  try {
    writeDurably(unlocked.path, line, { mode: 0o400, owner: account });
    rmSync(markOf(unlocked), { force: true });
  } catch (error) {
    throw new HsmongerError('PIN_SOURCE_INVALID', `Cannot write ${unlocked.path}: ${sentenceOf(error)}.`, { cause: error });
  } finally {
    line.fill(0);
  }
}

/** Wipes it, and has it stay away until somebody unlocks. False where it was locked. */
export function wipeUnlocked(unlocked: UnlockedPin): boolean {
  if (existsSync(path.dirname(unlocked.path))) {
    keepLocked(unlocked, 'lock');
    sweep(unlocked);
  }
  return wipeFile(unlocked.path);
}

/** Has it stay away until somebody unlocks. */
export function keepLocked(unlocked: UnlockedPin, why: LockReason): void {
  writeFileSync(markOf(unlocked), why, { mode: 0o600 });
}

/** The agent may use its credential again. */
export function permitUnlocking(unlocked: UnlockedPin): void {
  rmSync(markOf(unlocked), { force: true });
}

function markOf({ path: file }: UnlockedPin): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.locked`);
}

/** What killed processes were writing holds the PIN too; whoever's it was, in a directory of root's. */
function sweep({ path: file }: UnlockedPin): void {
  for (const left of leftBeside([file])) wipeFile(left.path);
}
