import { readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { stateDirectory } from '../../../config/directories.js';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { writeDurably } from '../../../platform/durable-file.js';
import type { ServiceContext } from '../../context.js';

/** What setup changed beyond our own files, so that unsetup takes back that and nothing else. */
export interface SetupMemory {
  /** Names of the modules setup registered in the NSS database; those that were registered already are not among them. */
  readonly addedModules: readonly string[];
}

const memoryFile = 'setup.json';

export function readSetupMemory(context: ServiceContext): Promise<SetupMemory> {
  const file = path.join(stateOf(context), memoryFile);
  try {
    // One module was all there could be, at first.
    const { addedModule, addedModules = addedModule === undefined ? [] : [addedModule] } = JSON.parse(
      readFileSync(file, 'utf8'),
    ) as Partial<SetupMemory> & { readonly addedModule?: string };
    return Promise.resolve({ addedModules });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Promise.resolve({ addedModules: [] });
    return Promise.reject(new HsmongerError('STATE_UNAVAILABLE', `Cannot read ${file}: ${sentenceOf(error)}.`, { cause: error }));
  }
}

/** Keeps a file in the instance's state directory, 0600, on the disk before it returns; gives its path. */
export function keepInState(
  context: ServiceContext,
  { name, content }: { readonly name: string; readonly content: string },
): Promise<string> {
  const file = path.join(stateOf(context), path.basename(name));
  try {
    writeDurably(file, content);
    return Promise.resolve(file);
  } catch (error) {
    return Promise.reject(
      new HsmongerError(
        'STATE_UNAVAILABLE',
        `Cannot write ${file}: ${sentenceOf(error)}. Nothing was changed; mend ${path.dirname(file)}.`,
        { cause: error },
      ),
    );
  }
}

export function writeSetupMemory(context: ServiceContext, memory: SetupMemory): Promise<string> {
  return keepInState(context, { name: memoryFile, content: `${JSON.stringify(memory)}\n` });
}

/** Removes everything in the instance's state directory, as the user it belongs to: nothing outside can be reached through a link in it. */
export function emptyState(context: ServiceContext): Promise<void> {
  const directory = stateOf(context);
  for (const entry of readdirSync(directory)) rmSync(path.join(directory, entry), { recursive: true, force: true });
  return Promise.resolve();
}

function stateOf({ directories, instance }: ServiceContext): string {
  return stateDirectory(directories, instance);
}
