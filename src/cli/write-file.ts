import { closeSync, fchmodSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { HsmongerError, sentenceOf } from '../errors.js';
import { asideOf, sweepBeside } from '../platform/aside.js';
import { readBoundedFile } from '../platform/bounded-file.js';
import { writeDurably } from '../platform/durable-file.js';
import { placeNew } from '../platform/place-new.js';

/** A file to be written, for others to read: nothing in it is secret. */
export interface NewFile {
  readonly file: string;
  readonly content: string;
}

/** As writeAllNew(), for one; its failure is thrown. */
export function writeNew(file: string, content: string, remedy?: string): void {
  const [fault] = writeAllNew([{ file, content }], remedy);
  if (fault !== undefined) throw fault;
}

/** Open at once. */
const together = 100;

/**
 * Writes files that were not there, each whole or not at all, also where this process is killed: others see it when it is on the disk.
 * Whatever is there already stays: it may be what another CA is working on; one that holds just this is what a run before this one wrote.
 * Gives for each what failed: USAGE where something else is there, COMMAND_FAILED otherwise; `remedy` is a sentence that ends the message.
 * All are written before the first is flushed: a journal that is flushed once takes the others with it. What killed processes left of
 * theirs for these files is removed.
 */
export function writeAllNew(wanted: readonly NewFile[], remedy?: string): (HsmongerError | undefined)[] {
  sweepBeside(wanted.map(({ file }) => file));
  const faults: (HsmongerError | undefined)[] = [];
  for (let from = 0; from < wanted.length; from += together) {
    const begun = wanted.slice(from, from + together).map((one) => ({ ...one, ...begin(one) }));
    for (const one of begun) flush(one);
    faults.push(...begun.map((one) => finish(one, remedy === undefined ? '' : ` ${remedy}`)));
  }
  return faults;
}

interface Begun extends NewFile {
  readonly aside: string;
  descriptor?: number;
  fault?: Error;
}

function begin({ file, content }: NewFile): Omit<Begun, keyof NewFile> {
  const aside = asideOf(file);
  let descriptor: number | undefined;
  try {
    // A process of this number may have been killed here before.
    rmSync(aside, { force: true });
    descriptor = openSync(aside, 'wx', 0o644);
    fchmodSync(descriptor, 0o644);
    // Not by writeSync(), which on a full disk may write a part and say so.
    writeFileSync(descriptor, content);
    return { aside, descriptor };
  } catch (fault) {
    return { aside, fault: fault as Error, ...(descriptor === undefined ? {} : { descriptor }) };
  }
}

function flush(begun: Begun): void {
  if (begun.descriptor === undefined) return;
  try {
    fsyncSync(begun.descriptor);
  } catch (fault) {
    begun.fault ??= fault as Error;
  } finally {
    closeSync(begun.descriptor);
  }
}

function finish({ file, content, aside, descriptor, fault }: Begun, remedy: string): HsmongerError | undefined {
  try {
    if (fault !== undefined) throw fault;
    placeNew(aside, file);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      return new HsmongerError('COMMAND_FAILED', `Cannot write ${file}: ${sentenceOf(error)}.${remedy}`, { cause: error });
    if (holds(file, content)) return undefined;
    return new HsmongerError('USAGE', `${file} is there already and was left as it is; name another place, or move it away.${remedy}`, {
      cause: error,
    });
  } finally {
    if (descriptor !== undefined) rmSync(aside, { force: true });
  }
}

/** Anybody can have put anything there: not a FIFO is waited for, and no more read than is to be there. */
function holds(file: string, content: string): boolean {
  try {
    const wanted = Buffer.from(content);
    return readBoundedFile(file, wanted.length).equals(wanted);
  } catch {
    return false;
  }
}

/** Over what is there: it is made anew whenever it is asked for, and a reader sees the old or the new. */
export function writePublic(file: string, content: string): void {
  try {
    writeDurably(file, content, { mode: 0o644 });
  } catch (error) {
    throw new HsmongerError('COMMAND_FAILED', `Cannot write ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}
