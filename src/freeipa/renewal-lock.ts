import { randomInt } from 'node:crypto';
import { closeSync, constants, fchmodSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HsmongerError, sentenceOf } from '../errors.js';
import { exclusiveFlock, exclusiveFlockNow, releaseFlock, releaseFlockNow } from '../platform/flock.js';
import { isGone, selfMark } from '../platform/process-mark.js';
import { readLease, writeLease, type Lease } from './renewal-lease.js';

/** FreeIPA's lock, open but not held. */
export interface RenewalLock {
  /** Takes the lock, for as long as this process lives or until release(); RENEWAL_LOCKED, with its holder's name, after `waitMs`. */
  hold(owner: string, options: HoldOptions): Promise<HeldLock>;
  /** Releases it where it is held. */
  close(): void;
}

export interface HoldOptions {
  readonly waitMs: number;
  /** How long it is ours without a word; extended for as long as this process works. Default ten minutes. */
  readonly leaseMs?: number;
}

export interface HeldLock {
  release(): void;
}

/** Long enough for any run of ours, short enough that FreeIPA's programs, which know nothing of dead holders, wait ten minutes at most. */
const defaultLeaseMs = 600_000;
const pollMs = 1000;
/** For the flock that is held only while the file is read and written. */
const flockSeconds = 5;
/** A file of three short lines. */
const maxBytes = 4096;

/**
 * Opens FreeIPA's renewal lock (ipaserver/install/certs.py, _CrossProcessLock). Only root can: so before the drop, while everything else
 * goes through the descriptor and works after it. STATE_UNAVAILABLE when it cannot be opened or is no plain file of root's.
 */
export function openRenewalLock(file: string): RenewalLock {
  const descriptor = open(file);
  let held: HeldLock | undefined;
  return {
    hold: async (owner, options) => (held = await take(file, descriptor, owner, options)),
    close: () => {
      held?.release();
      closeSync(descriptor);
    },
  };
}

/** openRenewalLock() and hold() in one, for a process that stays root; release() closes the file as well. */
export async function holdRenewalLock(file: string, owner: string, options: HoldOptions): Promise<HeldLock> {
  const lock = openRenewalLock(file);
  try {
    await lock.hold(owner, options);
  } catch (error) {
    lock.close();
    throw error;
  }
  return {
    release: () => {
      lock.close();
    },
  };
}

function open(file: string): number {
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const descriptor = openMaking(file, flags);
    const stats = fstatSync(descriptor);
    if (stats.isFile() && stats.uid === process.geteuid?.()) return descriptor;
    closeSync(descriptor);
    throw new Error(`it is ${stats.isFile() ? `owned by uid ${String(stats.uid)}` : 'no plain file'}`);
  } catch (error) {
    throw new HsmongerError(
      'STATE_UNAVAILABLE',
      `FreeIPA's renewal lock ${file} cannot be opened: ${sentenceOf(error)}. Move away what is there, and start this as root.`,
      { cause: error },
    );
  }
}

/** systemd-tmpfiles makes /run/ipa at boot (0711, freeipa's init/tmpfilesd); in a container it may not have. */
function openMaking(file: string, flags: number): number {
  try {
    return openSync(file, flags, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(path.dirname(file), { mode: 0o711 });
    const descriptor = openSync(file, flags, 0o600);
    fchmodSync(descriptor, 0o600);
    return descriptor;
  }
}

async function take(file: string, descriptor: number, owner: string, { waitMs, leaseMs = defaultLeaseMs }: HoldOptions): Promise<HeldLock> {
  const deadline = Date.now() + waitMs;
  const mine = () => ({ owner, expires: new Date(Date.now() + leaseMs), mark: selfMark() });
  for (;;) {
    const holder = await tryTake(descriptor, mine());
    if (holder === undefined) break;
    const left = deadline - Date.now();
    if (left <= 0) {
      throw new HsmongerError(
        'RENEWAL_LOCKED',
        `FreeIPA's renewal lock ${file} is held by ${holder}; waited ${String(Math.round(waitMs / 1000))} seconds for it, and it will be tried again.`,
      );
    }
    await sleep(Math.min(left, pollMs + randomInt(pollMs / 2)));
  }
  return keep(descriptor, mine, leaseMs / 3);
}

/** Undefined when the lock is ours now, else who has it. */
async function tryTake(descriptor: number, lease: Lease): Promise<string | undefined> {
  if (!(await exclusiveFlock(descriptor, flockSeconds))) return 'a program that is changing the file';
  try {
    const other = readLease(contentOf(descriptor));
    const taken = other !== undefined && other.expires > new Date() && !(other.mark !== undefined && isGone(other.mark));
    if (taken) return `'${other.owner}' until ${other.expires.toISOString()}`;
    replace(descriptor, writeLease(lease));
    return undefined;
  } finally {
    await releaseFlock(descriptor);
  }
}

/** Extends the lease while this process works, and gives it back at the latest when the process ends. */
function keep(descriptor: number, mine: () => Lease, everyMs: number): HeldLock {
  let held = true;
  const rewrite = async (content: string) => {
    if (!(await exclusiveFlock(descriptor, flockSeconds))) return;
    try {
      if (held && isMine(descriptor, mine())) replace(descriptor, content);
    } finally {
      await releaseFlock(descriptor);
    }
  };
  // One that could not be extended now is tried again at the next turn.
  const timer = setInterval(() => {
    rewrite(writeLease(mine())).catch(() => undefined);
  }, everyMs).unref();
  const release = () => {
    if (!held) return;
    held = false;
    clearInterval(timer);
    process.removeListener('exit', release);
    // Synchronous: the process may be ending. What somebody stole meanwhile is not ours to free.
    if (!exclusiveFlockNow(descriptor, flockSeconds)) return;
    try {
      if (isMine(descriptor, mine())) replace(descriptor, writeLease(undefined));
    } finally {
      releaseFlockNow(descriptor);
    }
  };
  process.once('exit', release);
  return { release };
}

function isMine(descriptor: number, mine: Lease): boolean {
  const lease = readLease(contentOf(descriptor));
  return lease?.owner === mine.owner && lease.mark === mine.mark;
}

function contentOf(descriptor: number): string {
  const bytes = Buffer.alloc(maxBytes);
  return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, maxBytes, 0));
}

function replace(descriptor: number, content: string): void {
  ftruncateSync(descriptor, 0);
  writeSync(descriptor, content, 0);
}
