import { ownTokenInitLock, tokenInitLock } from '../../config/directories.js';
import { HsmongerError } from '../../errors.js';
import type { SlotChoice } from '../../pkcs11/choose-slot.js';
import { slotText } from '../../pkcs11/slot-text.js';
import type { TokenDescription } from '../../pkcs11/token.js';
import { holdingFlock } from '../../platform/flock.js';
import { runningAsRoot } from '../../platform/service-user.js';
import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { absolutePath } from '../flags.js';
import type { Io } from '../io.js';
import { harmless, json } from '../output.js';
import { instancesOn } from './instances-on.js';
import { placeOf, type AddTokenCommand, type TokenOptions } from './place.js';
import { tokenUri } from './tables.js';
import { isUri } from '../../config/pkcs11-uri.js';

interface InitOptions extends TokenOptions {
  readonly soPinFile: string;
  readonly slot: string | undefined;
  readonly slotIndex: string | undefined;
  readonly erase: string | undefined;
  readonly force: boolean;
}

/** An HSM behind a network takes its time. */
const lockSeconds = 120;

/** `token init`: a token with a label, a security officer's PIN and a user's PIN. */
export const addInit: AddTokenCommand = (yargs, run) =>
  yargs.command(
    'init',
    'Make a blank token usable: label and PINs',
    (init) =>
      init
        .describe('token', 'Label of the new token, at most 32 octets')
        .describe('pin-file', 'File with the PIN the new token gets')
        .option('so-pin-file', {
          type: 'string',
          requiresArg: true,
          demandOption: true,
          coerce: (file: string) => absolutePath(file) ?? file,
          describe: "File with the security officer's PIN",
        })
        .option('slot', { type: 'string', requiresArg: true, describe: 'CK_SLOT_ID [the first slot that is not initialised]' })
        .option('slot-index', { type: 'string', requiresArg: true, describe: "Place among the module's slots, empty ones too, from 0" })
        .option('erase', { type: 'string', requiresArg: true, describe: 'Label of the token that is there, whose keys will be lost' })
        .option('force', {
          type: 'boolean',
          default: false,
          describe: "Try the security officer's PIN even where one attempt is left before it locks",
        }),
    run(init),
  );

async function init(options: InitOptions, { io, env }: Surroundings): Promise<number> {
  const label = options.token;
  if (label === undefined || isUri(label) || options.module === undefined || options.pinFile === undefined)
    throw new HsmongerError('USAGE', 'A new token wants --module, its label with --token, and --pin-file.');
  const place = placeOf(options, env);
  const there = await askService(place, 'plan new token', { choice: choiceOf(options), label });
  if (there.initialized) await mayErase(there, place, options.erase, io);
  const busy = new HsmongerError(
    'STATE_BUSY',
    `Another hsmonger process has been initialising a token for ${String(lockSeconds)} seconds; nothing was changed. Run this again when it has ended.`,
  );
  const lock = runningAsRoot() ? tokenInitLock(place.directories) : ownTokenInitLock(place.directories, place.instance);
  // In a process that begins behind the lock: a module may go on showing what was in a slot when it was loaded, as SoftHSM does.
  const made = await holdingFlock(lock, lockSeconds, busy, async () => {
    // The question may have stood there for an hour, or another have been waited for, and an instance been made meanwhile.
    if (there.initialized) await assertNobodys(there, place);
    return askService(place, 'make token', { label, instead: there, soPinFile: options.soPinFile, force: options.force });
  });
  const uri = tokenUri(made);
  io.out(
    options.json ? json({ ...made, uri }) : `Token '${harmless(made.label)}' in slot ${slotText(made.slotId)} is ready.\n  URL: ${uri}\n`,
  );
  return 0;
}

function choiceOf({ slot, slotIndex }: InitOptions): SlotChoice {
  if (slot !== undefined && slotIndex !== undefined)
    throw new HsmongerError('USAGE', 'Name the slot by --slot or by --slot-index, not by both.');
  if (slot !== undefined) return { by: 'slot', slotId: number(slot, 'slot') };
  return slotIndex === undefined ? { by: 'first blank' } : { by: 'slot-index', index: number(slotIndex, 'slot-index') };
}

function number(text: string, flag: string): number {
  if (!/^(?:\d{1,15}|0x[0-9a-f]{1,12})$/iu.test(text)) throw new HsmongerError('USAGE', `--${flag} wants a number, not '${text}'.`);
  return Number(text);
}

/** Whoever erases a token must know which; one a configured instance works with is erased by nobody (design rule 2). */
async function mayErase(
  there: TokenDescription,
  place: Parameters<typeof instancesOn>[0],
  erase: string | undefined,
  io: Io,
): Promise<void> {
  await assertNobodys(there, place);
  const where = `Token '${there.label}' (serial ${there.serial}) in slot ${slotText(there.slotId)} is not blank`;
  const typed = erase ?? (await io.ask?.(`${where}: all keys on it would be lost. Type its label to erase it: `));
  if (typed === undefined)
    throw new HsmongerError(
      'TOKEN_NOT_BLANK',
      `${where}, and all keys on it would be lost; if that is meant, say --erase '${there.label}'.`,
    );
  if (typed !== there.label) throw new HsmongerError('TOKEN_NOT_BLANK', `${where}, and its label is not '${typed}'; nothing was changed.`);
}

async function assertNobodys(there: TokenDescription, place: Parameters<typeof instancesOn>[0]): Promise<void> {
  const found = await instancesOn(place, there);
  if (found.length > 0)
    throw new HsmongerError(
      'TOKEN_IN_USE',
      `Token '${there.label}' is not erased: ${found.join(' ')} There is no flag against this: run 'hsmonger unsetup' for the instance and remove its file first.`,
    );
}
