import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import path from 'node:path';
import { stateDirectory } from '../../config/directories.js';
import type { Directories, InstanceSite } from '../../config/instance.js';
import { askService } from '../../service/ask.js';
import { partBytes, type Piece, type Settled } from '../../service/tasks/state/state-parts.js';
import { takenOverFile } from '../setup/freeipa/memory.js';
import { writeInstanceFile } from '../setup/write-instance.js';
import { removeState, stateExists } from '../state-directory.js';
import type { Order } from './check.js';
import { holdingLedger, type HeldLedger } from './hold-ledger.js';
import type { InstanceBackup, Manifest } from './manifest.js';
import { swapDirectories } from './swap.js';

/** What became of an instance. */
export interface Placed {
  readonly settled?: Settled;
  /** Where the state is that was there. */
  readonly aside?: string;
  /** Where that is which other processes began in the moment in between. */
  readonly begun?: readonly string[];
}

/**
 * Beside the state there is, whole and checked; then in its place, by the name alone. Killed at any point, either the old or the new one is
 * there, or both are beside it and a second run goes on.
 */
export async function put(
  { backup, instance, text, takenOver, source }: Order,
  manifest: Manifest,
  directories: Directories,
  above: string | undefined,
  now: Date,
): Promise<Placed> {
  const place = { instance, directories };
  const directory = stateDirectory(directories, instance);
  const writeConfiguration = () => {
    const memory = takenOverFile(directories, instance.name);
    // What is there is of this host's requests as they were later.
    if (takenOver !== undefined && !existsSync(memory)) writeInstanceFile(memory, takenOver);
    writeInstanceFile(instance.file, text);
  };
  if (backup.parts.length === 0) {
    writeConfiguration();
    return {};
  }
  // No instance's name begins with a dot.
  const aside = { instance: { ...instance, name: `.restoring.${instance.name}` }, directories };
  await askService(aside, 'empty state', undefined);
  try {
    await send(aside, path.join(source, 'state'), backup.parts);
    const replace = async (held?: HeldLedger): Promise<Placed> => {
      const replaced = highest(held?.mark?.crlNumber, await putAside(place));
      const settled = await askService(
        aside,
        'settle restored state',
        {
          parts: backup.parts,
          backedUpAt: manifest.at,
          ...(replaced === undefined ? {} : { replaced }),
          ...(above === undefined ? {} : { published: above }),
        },
        { timeoutMs: 3_600_000 },
      );
      held?.assertHeld();
      const kept =
        held === undefined
          ? undefined
          : path.join(directories.state, `.replaced.${instance.name}.${now.toISOString().replace(/[:.]/gu, '')}`);
      const begun = swapDirectories({
        from: stateDirectory(directories, aside.instance),
        to: directory,
        ...(kept === undefined ? {} : { aside: kept }),
      });
      writeConfiguration();
      return { settled, ...(kept === undefined ? {} : { aside: kept }), ...(begun.length === 0 ? {} : { begun }) };
    };
    // From the look at what is replaced until it is: who is writing into it is waited for, or in the way, and who comes after finds the new
    // one.
    return await (stateExists(place) ? holdingLedger(place, replace) : replace());
  } catch (error) {
    if (stateExists(aside)) await removeState(aside).catch(() => undefined);
    throw error;
  }
}

/** The last CRL number of what a restore before this one put aside: it may have been killed before anything took its place. Decimal. */
async function putAside({ instance, directories }: InstanceSite): Promise<string | undefined> {
  const prefix = `.replaced.${instance.name}.`;
  // Named by their time, behind a name that may begin like another's.
  const last = existsSync(directories.state)
    ? readdirSync(directories.state)
        .filter((name) => name.startsWith(prefix) && /^\d{4}-\d{2}-\d{2}T\d+Z$/u.test(name.slice(prefix.length)))
        .sort()
        .at(-1)
    : undefined;
  if (last === undefined) return undefined;
  const place = { instance: { ...instance, name: last }, directories };
  return stateExists(place) ? (await askService(place, 'mark of ledger', undefined))?.crlNumber : undefined;
}

/** Of decimal numbers. */
function highest(...numbers: readonly (string | undefined)[]): string | undefined {
  return numbers
    .flatMap((number) => (number === undefined ? [] : [BigInt(number)]))
    .sort((a, b) => (a < b ? -1 : 1))
    .at(-1)
    ?.toString();
}

/** Small files together, large ones in pieces. */
async function send(place: InstanceSite, source: string, parts: InstanceBackup['parts']): Promise<void> {
  let pieces: Piece[] = [];
  let room = partBytes;
  const flush = async () => {
    await askService(place, 'write state parts', { pieces });
    pieces = [];
    room = partBytes;
  };
  for (const { name, size } of parts) {
    const descriptor = openSync(path.join(source, name), 'r');
    try {
      for (let offset = 0; ;) {
        const buffer = Buffer.alloc(Math.min(room, size - offset));
        const bytes = buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, offset));
        pieces.push({ name, offset, bytes });
        offset += bytes.length;
        room -= bytes.length;
        if (room === 0) await flush();
        if (offset >= size || bytes.length === 0) break;
      }
    } finally {
      closeSync(descriptor);
    }
  }
  if (pieces.length > 0) await flush();
}
