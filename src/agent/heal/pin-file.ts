import { existsSync, watch } from 'node:fs';
import path from 'node:path';
import type { UnlockedPin } from '../../config/instance.js';
import { sentenceOf } from '../../errors.js';
import { asideName, movePinAside, pinFileNow, type Aside } from '../../pkcs11/pin/pin-aside.js';
import { besidePinFile } from '../../pkcs11/pin/pin-source.js';
import type { PinSourceIdentity } from '../../pkcs11/token.js';
import { wipeFile } from '../../platform/memory-file.js';
import { distrustOf } from '../../platform/trusted-path.js';
import { askService } from '../../service/ask.js';
import { keepLocked } from '../../service/pin/unlocked-file.js';
import type { InstanceContext } from '../instances/instance-context.js';

/** The file certmonger reads an instance's PIN from. */
export interface PinFile {
  readonly path: string;
  /** Of what is there now. */
  identity(): PinSourceIdentity | undefined;
  /** Where the last bad one went, while nothing has taken its place. */
  movedTo(): string | undefined;
  /**
   * Out of certmonger's way; what lies in memory alone is wiped, as nobody can look it up there, and the PIN's keeper tells that it is
   * locked.
   */
  moveAside(judged: PinSourceIdentity): Promise<Aside | { readonly result: 'wiped' }>;
}

/** undefined where certmonger gets the PIN by no file of the instance. */
export function pinFileOf({ instance, directories }: Pick<InstanceContext, 'instance' | 'directories'>): PinFile | undefined {
  const source = instance.token?.pin;
  switch (source?.from) {
    case undefined:
    case 'environment':
      return undefined;
    case 'unlocked':
      return unlockedFile(source);
    case 'file':
      return fileAtRest(source.path, { instance, directories });
  }
}

function fileAtRest(file: string, place: Pick<InstanceContext, 'instance' | 'directories'>): PinFile {
  return {
    path: file,
    identity: () => pinFileNow(file),
    // While a change of the PIN has the file set aside, an older refusal says nothing of why it is not there.
    movedTo: () => (!existsSync(file) && existsSync(asideName(file)) && !existsSync(besidePinFile(file).old) ? asideName(file) : undefined),
    async moveAside(judged) {
      try {
        // What lies in a directory of the service user is moved by that user: root renames nothing where others can write.
        if (distrustOf(path.dirname(file)) === undefined) return movePinAside(file, judged);
        return await askService(place, 'move PIN aside', { judged });
      } catch (error) {
        return { result: 'failed', problem: notMoved(file, error) };
      }
    },
  };
}

/** In memory, where nothing is kept that is of no use: it is wiped, and the agent does not put the same credential there again. */
function unlockedFile(unlocked: UnlockedPin): PinFile {
  const { path: file } = unlocked;
  return {
    path: file,
    identity: () => pinFileNow(file),
    movedTo: () => undefined,
    moveAside(judged) {
      try {
        const aside = movePinAside(file, judged);
        if (aside.result !== 'moved') return Promise.resolve(aside);
        keepLocked(unlocked, 'refused');
        wipeFile(aside.to);
        return Promise.resolve({ result: 'wiped' });
      } catch (error) {
        return Promise.resolve({ result: 'failed', problem: notMoved(file, error) });
      }
    },
  };
}

function notMoved(file: string, error: unknown): string {
  return `The PIN file ${file}, which proved bad, could not be moved aside: ${sentenceOf(error)}`;
}

/** Whoever writes a file does it in steps: half a PIN must not be tried. */
const settledMs = 700;

/**
 * Calls `onSettled` some time after the last change of that name in its directory, until the signal. Where that cannot be watched the
 * probes are all there is.
 */
export function watchPinFile(file: string, onSettled: () => void, signal: AbortSignal): void {
  let timer: NodeJS.Timeout | undefined;
  try {
    const watcher = watch(path.dirname(file), { signal, persistent: false }, (_event, name) => {
      if (name !== path.basename(file)) return;
      clearTimeout(timer);
      timer = setTimeout(onSettled, settledMs);
    });
    watcher.on('error', () => {
      watcher.close();
    });
  } catch {
    return;
  }
  signal.addEventListener(
    'abort',
    () => {
      clearTimeout(timer);
    },
    { once: true },
  );
}
