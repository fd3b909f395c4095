import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { ledgerFile, stateDirectory } from '../../../config/directories.js';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { explained } from '../../../ledger/database.js';
import { exclusively } from '../../../ledger/exclusively.js';
import { highestCrlNumber } from '../../../ledger/crls.js';
import { openLedger } from '../../../ledger/ledger.js';
import { patiently } from '../../../ledger/patiently.js';
import { noteCrlNumber, restoredCrlNumber, settleJournal } from '../../../ledger/restored.js';
import { faultOf } from '../../../ledger/soundness.js';
import type { ServiceContext } from '../../context.js';

/** A file of the instance's state as a backup has it. */
export interface StatePart {
  /** Below the state directory. */
  readonly name: string;
  /** Octets. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** The ledger's copy while a backup is made; not a name that a backup holds. */
const copyName = 'ledger.backup';
const ledgerName = 'ledger.sqlite';
/** What is read or written at a time: a reply goes through memory, in base64. */
export const partBytes = 8 * 1024 * 1024;

/** For others who write into the ledger. */
const patienceMs = 60_000;

/**
 * Names a backup may hold: the ledger, what setup found and did, the request for the CA's own certificate, the CA's certificate for when its
 * token is away, superseded and imported certificates. Locks, and why the helper was last killed, are this host's alone.
 */
export const partName =
  /^(?:ledger\.sqlite|setup\.json|own-request\.der|ocsp-ca\.json|before-setup-[A-Za-z0-9-]+\.json|(?:superseded|imported)\/[A-Za-z0-9._-]+\.pem)$/u;

/** Copies the ledger, consistent though others write into it meanwhile, and lists what a backup is to hold. */
export async function beginBackup(context: ServiceContext): Promise<StatePart[]> {
  const directory = directoryOf(context);
  const copy = path.join(directory, copyName);
  rmSync(copy, { force: true });
  try {
    // Nobody commits meanwhile: each commit of another process would have SQLite begin anew, and one that writes all the time keep it out.
    const ledger = await patiently(() => context.ledger(), patienceMs);
    await exclusively(ledger, patienceMs, async () => {
      const reader = openLedger(ledgerFile(context.directories, context.instance), { readonly: true });
      try {
        await reader.backup(copy, { progress: () => 0x7fffffff });
      } finally {
        reader.close();
      }
    });
  } catch (error) {
    rmSync(copy, { force: true });
    throw explained(copy, error);
  }
  const fault = faultOf(copy);
  if (fault !== undefined)
    throw new HsmongerError(
      'STATE_UNAVAILABLE',
      `The ledger ${ledgerFile(context.directories, context.instance)} is damaged, so no backup is made of it: ${fault} Restore an earlier one with 'hsmonger restore'.`,
    );
  return [ledgerName, ...filesIn(directory, '').filter((name) => name !== ledgerName && partName.test(name))].map((name) =>
    described(directory, name),
  );
}

/** A piece of a file. */
export interface Piece {
  readonly name: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * What is next of the files listed, from `offset` of the first one on: several small files at once, a large one in pieces. A file that has
 * ended has a last, empty piece.
 */
export function readParts(
  context: ServiceContext,
  { names, offset }: { readonly names: readonly string[]; readonly offset: number },
): Promise<Piece[]> {
  return Promise.resolve().then(() => {
    const pieces: Piece[] = [];
    let room = partBytes;
    for (const [index, name] of names.entries()) {
      const from = index === 0 ? offset : 0;
      const bytes = opened(sourceOf(directoryOf(context), name), constants.O_RDONLY, (descriptor) => readAt(descriptor, from, room));
      pieces.push({ name, offset: from, bytes });
      room -= bytes.length;
      if (room === 0) break;
    }
    return pieces;
  });
}

function readAt(descriptor: number, from: number, most: number): Uint8Array {
  const buffer = Buffer.alloc(Math.min(most, Math.max(0, fstatSync(descriptor).size - from)));
  let done = 0;
  for (let read = -1; read !== 0 && done < buffer.length; done += read)
    read = readSync(descriptor, buffer, done, buffer.length - done, from + done);
  return buffer.subarray(0, done);
}

export function endBackup(context: ServiceContext): Promise<void> {
  rmSync(path.join(directoryOf(context), copyName), { force: true });
  return Promise.resolve();
}

/** Writes pieces of files; the first one of a file (offset 0) makes it anew. On the disk when it returns. */
export function writeParts(context: ServiceContext, { pieces }: { readonly pieces: readonly Piece[] }): Promise<void> {
  return Promise.resolve().then(() => {
    for (const { name, offset, bytes } of pieces) {
      if (!partName.test(name)) throw new HsmongerError('STATE_UNAVAILABLE', `A backup holds no file '${name}'.`);
      const file = path.join(directoryOf(context), name);
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      opened(file, constants.O_WRONLY | constants.O_CREAT, (descriptor) => {
        ftruncateSync(descriptor, offset);
        for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
        fsyncSync(descriptor);
      });
    }
  });
}

/** What the restored ledger was made fit for. */
export interface Settled {
  /** The highest CRL number that counts as used, decimal. */
  readonly crlNumber: string;
  /** Nicknames whose saving was in progress when the backup was made. */
  readonly dropped: readonly string[];
}

/**
 * Checks the files that were written, by their hashes, and the ledger; sees to it that no CRL number comes back and that no saving goes on
 * by what was true then.
 */
export function settleRestored(
  context: ServiceContext,
  input: { readonly parts: readonly StatePart[]; readonly backedUpAt: Date; readonly replaced?: string; readonly published?: string },
): Promise<Settled> {
  return Promise.resolve().then(() => {
    const directory = directoryOf(context);
    for (const part of input.parts) {
      if (described(directory, part.name).sha256 !== part.sha256)
        throw new HsmongerError(
          'STATE_UNAVAILABLE',
          `What was restored of '${part.name}' is not what the backup says; nothing was put in its place. The backup is damaged, or the disk is.`,
        );
    }
    const fault = faultOf(path.join(directory, ledgerName));
    if (fault !== undefined)
      throw new HsmongerError('STATE_UNAVAILABLE', `The ledger in the backup is damaged: ${fault} Nothing was put in its place.`);
    const ledger = context.ledger();
    const now = context.clock();
    return ledger
      .transaction((): Settled => {
        const known = [highestCrlNumber(ledger), input.replaced === undefined ? undefined : BigInt(input.replaced)];
        const number = restoredCrlNumber(
          { backedUpAt: input.backedUpAt, now },
          known,
          input.published === undefined ? undefined : BigInt(input.published),
        );
        noteCrlNumber(ledger, number, now, process.getuid?.() ?? -1);
        return { crlNumber: number.toString(), dropped: settleJournal(ledger, now) };
      })
      .immediate();
  });
}

function described(directory: string, name: string): StatePart {
  const content = opened(sourceOf(directory, name), constants.O_RDONLY, (descriptor) => readFileSync(descriptor));
  return { name, size: content.length, sha256: createHash('sha256').update(content).digest('hex') };
}

/** While a backup is made, the ledger is its copy. */
function sourceOf(directory: string, name: string): string {
  if (!partName.test(name)) throw new HsmongerError('STATE_UNAVAILABLE', `A backup holds no file '${name}'.`);
  const copy = path.join(directory, copyName);
  return name === ledgerName && existing(copy) ? copy : path.join(directory, name);
}

function existing(file: string): boolean {
  try {
    closeSync(openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW));
    return true;
  } catch {
    return false;
  }
}

function filesIn(directory: string, below: string): string[] {
  return readdirSync(path.join(directory, below), { withFileTypes: true })
    .flatMap((entry) => {
      const name = path.join(below, entry.name);
      return entry.isDirectory() && below === '' ? filesIn(directory, name) : entry.isFile() ? [name] : [];
    })
    .sort();
}

function opened<T>(file: string, flags: number, work: (descriptor: number) => T): T {
  try {
    const descriptor = openSync(file, flags | constants.O_NOFOLLOW, 0o600);
    try {
      if (!fstatSync(descriptor).isFile()) throw new Error('it is no plain file');
      return work(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new HsmongerError(
      'STATE_UNAVAILABLE',
      `Cannot use ${file}: ${(error as NodeJS.ErrnoException).code === 'ENOSPC' ? 'the disk is full' : sentenceOf(error)}.`,
      { cause: error },
    );
  }
}

function directoryOf({ directories, instance }: ServiceContext): string {
  return stateDirectory(directories, instance);
}
