import { existsSync, statSync, watch } from 'node:fs';
import path from 'node:path';
import { unlockCommand } from '../../config/token-of.js';
import type { UnlockedPin } from '../../config/instance.js';
import { sentenceOf } from '../../errors.js';
import { firmLook } from '../../platform/firm-look.js';
import { besidePinFile, lockedSentence } from '../../pkcs11/pin/pin-source.js';
import { lockedFor, prepareUnlocked } from '../../service/pin/unlocked-file.js';
import { createWaker } from '../timing/waker.js';
import type { InstanceContext, Part } from '../instances/instance-context.js';
import { createTroubleLog } from '../log.js';
import { createCredentialPlacer } from './credential.js';
import { finishChanges } from './finish-changes.js';

/** Sees to it that the PIN of one instance is where certmonger looks for it, or tells that it is not. */
export interface PinKeeper extends Part {
  /** When the systemd credential has been tried at the start, whatever came of it; at once where there is none. */
  credentialPlaced(): Promise<void>;
  /** Why certmonger finds no PIN now, a sentence; undefined while it does, and where the PIN is never locked. */
  locked(): string | undefined;
}

type KeeperCare = Pick<InstanceContext, 'instance' | 'directories' | 'certmonger' | 'prober' | 'events' | 'log' | 'clock' | 'signal'>;

export interface KeeperOptions {
  /** Where systemd put this process's credentials. Default CREDENTIALS_DIRECTORY of this process. */
  readonly credentials?: string | undefined;
}

/**
 * Looks at the file's directory at every change and every probe-seconds. A credential is proven once and put in place at the start, and
 * after `unlock --credential`; one that was refused is not tried again until it is another. Changes of a PIN that were interrupted are
 * finished.
 */
export function startPinKeeper(
  context: KeeperCare,
  options: KeeperOptions = { credentials: process.env['CREDENTIALS_DIRECTORY'] },
): PinKeeper {
  const { instance, signal } = context;
  const source = instance.token?.pin;
  const unlocked = source?.from === 'unlocked' ? source : undefined;
  const placer = unlocked?.credential === undefined ? undefined : createCredentialPlacer(context, unlocked, options.credentials);
  const changes = createTroubleLog(context.log);
  let locked: string | undefined;
  let seen: string | undefined;
  let placed: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    placed = resolve;
  });
  const waker = createWaker(signal);

  const look = async (pin: UnlockedPin) => {
    const onPurpose = lockedFor(pin);
    // Somebody who locks may permit it again.
    if (onPurpose !== undefined) placer?.forget();
    const refusal = unsafety(pin) ?? (onPurpose !== undefined || existsSync(pin.path) ? undefined : await placer?.place());
    placed();
    const now = stateOf(pin);
    // In the middle of token change-pin: nobody has locked anything.
    if (now === undefined || now === seen) return;
    const before = seen;
    seen = now;
    locked = now === absent ? (refusal ?? (onPurpose === 'refused' ? refusedSentence(pin) : lockedSentence(pin))) : undefined;
    if (locked !== undefined) tell('locked', locked, refusal === undefined ? (onPurpose ?? 'not-unlocked') : 'refused');
    else if (before === absent) tell('unlocked', `The PIN of '${instance.name}' is there for certmonger again.`, 'unlock');
    if (before !== undefined) await context.prober.look().catch(() => undefined);
  };

  const tell = (kind: 'locked' | 'unlocked', message: string, reason: string) => {
    context.log(kind === 'locked' ? 'warning' : 'info', message);
    context.events.tell({ kind, at: context.clock(), instance: instance.name, message, details: { reason } });
  };

  const work = async () => {
    const stop =
      unlocked === undefined
        ? () => undefined
        : watchDirectory(unlocked, () => {
            waker.wake();
          });
    while (!signal.aborted) {
      waker.reset();
      try {
        await finishChanges(context);
        if (unlocked !== undefined) await look(unlocked);
        changes.over('the PIN is looked after again.');
      } catch (error) {
        changes.trouble(`The PIN could not be looked after: ${sentenceOf(error)}`);
      }
      placed();
      await waker.sleep(instance.agent.probeSeconds * 1000);
    }
    stop();
  };

  if (instance.token === undefined) placed();
  return { ended: instance.token === undefined ? Promise.resolve() : work(), credentialPlaced: () => first, locked: () => locked };
}

const absent = 'absent';

/** What the file is known by; undefined while a change of the PIN has it set aside. */
function stateOf({ path: file }: UnlockedPin): string | undefined {
  const stats = firmLook(() => statSync(file, { bigint: true, throwIfNoEntry: false }));
  if (stats !== undefined) return [stats.dev, stats.ino, stats.ctimeNs].join(',');
  return existsSync(besidePinFile(file).old) ? undefined : absent;
}

function refusedSentence(pin: UnlockedPin): string {
  return `The PIN is locked: the token refused the one in ${pin.path}, which was wiped so that certmonger spends no more attempts on it; run '${unlockCommand(pin)}' with the right one.`;
}

function unsafety(pin: UnlockedPin): string | undefined {
  try {
    prepareUnlocked(pin);
    return undefined;
  } catch (error) {
    return sentenceOf(error);
  }
}

/** Without it the next look comes in its time. */
function watchDirectory(pin: UnlockedPin, onChange: () => void): () => void {
  try {
    prepareUnlocked(pin);
    const watcher = watch(path.dirname(pin.path), { persistent: false }, onChange);
    watcher.on('error', () => {
      watcher.close();
    });
    return () => {
      watcher.close();
    };
  } catch {
    return () => undefined;
  }
}
