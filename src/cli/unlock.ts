import type { Instance, UnlockedPin } from '../config/instance.js';
import { tokenOf } from '../config/token-of.js';
import { HsmongerError, sentenceOf } from '../errors.js';
import { swapInClear } from '../platform/memory-file.js';
import { accountOf, runningAsRoot } from '../platform/service-user.js';
import { proveGiven } from '../service/pin/prove-given.js';
import { permitUnlocking, placeUnlocked, prepareUnlocked } from '../service/pin/unlocked-file.js';
import { requestsWithPin, wakeRequests } from '../tracking/waiting-for-pin.js';
import type { AddCommand, Surroundings } from './command.js';
import { moduleFlags } from './flags.js';
import { instanceOf, type GlobalOptions } from './global-options.js';
import { harmless, json } from './output.js';
import { givenPin } from './pin-input.js';
import { namedToken } from './token/named-token.js';
import { withCertmonger } from './with-certmonger.js';

interface UnlockOptions extends GlobalOptions {
  readonly token: string | undefined;
  readonly pinFile: string | undefined;
  readonly credential: boolean;
  readonly changed: boolean;
  readonly force: boolean;
}

/** `unlock`: proves the PIN once and puts it into memory, where certmonger's requests point. */
export const addUnlock: AddCommand = (yargs, run) =>
  yargs.command(
    'unlock',
    'Prove the PIN and put it where certmonger finds it, in memory, until lock or the next boot',
    (unlock) =>
      unlock
        .option('pin-file', {
          ...moduleFlags['pin-file'],
          describe: 'Take the PIN from this file; else it is asked for, or read from standard input',
        })
        .option('token', {
          ...moduleFlags.token,
          describe: 'Which token, where the instance has several: its name in the file, its label, or its URI',
        })
        .option('credential', {
          type: 'boolean',
          default: false,
          describe: 'Let the running agent take it from its systemd credential, after a lock',
        })
        .option('changed', {
          type: 'boolean',
          default: false,
          describe: "Try a PIN that was refused before: the token's PIN was changed to it since",
        })
        .option('force', { type: 'boolean', default: false, describe: 'Try it even where one attempt is left before the token locks' }),
    run(unlockPin),
  );

async function unlockPin(options: UnlockOptions, surroundings: Surroundings): Promise<number> {
  const { io, env } = surroundings;
  const { directories, instance } = instanceOf(options, env);
  const place = { directories, instance: namedToken(instance, options.token) };
  const unlocked = unlockedPinOf(place.instance);
  if (!runningAsRoot())
    throw new HsmongerError('NOT_PERMITTED', `The PIN is put into a directory of root's, ${unlocked.path}: run unlock as root.`);
  prepareUnlocked(unlocked);
  const account = accountOf(place.instance.user);
  if (options.credential) {
    if (options.pinFile !== undefined)
      throw new HsmongerError('USAGE', 'With --credential the agent takes the PIN from its credential; leave out --pin-file.');
    if (unlocked.credential === undefined)
      throw new HsmongerError(
        'USAGE',
        `${place.instance.file} names no pin-credential, so the agent has none to unlock with; leave out --credential.`,
      );
    permitUnlocking(unlocked);
    io.out(
      options.json
        ? json({ instance: place.instance.name, unlocked: false, permitted: true })
        : `The agent may unlock with the credential '${unlocked.credential}' again, and does so where it runs.\n`,
    );
    return 0;
  }
  for (const device of swapInClear())
    io.err(
      `hsmonger: ${device} takes what is swapped out in clear, and a PIN on tmpfs may be: encrypt the swap, or let 'token.pin-unlock' name a file on ramfs.\n`,
    );
  const { what, pin } = await givenPin(
    { file: options.pinFile, flag: '--pin-file', prompt: `PIN of the token of '${place.instance.name}'`, twice: false },
    account,
    io,
  );
  try {
    const token = await proveGiven(place, what, pin, { force: options.force, anew: options.changed });
    placeUnlocked(unlocked, pin, account);
    const { woken, troubles } = await wake(options, env, unlocked);
    for (const trouble of troubles) io.err(`hsmonger: ${harmless(trouble)}\n`);
    io.out(
      options.json
        ? json({ instance: place.instance.name, unlocked: true, token: token.label, path: unlocked.path, resubmitted: woken })
        : `Token '${harmless(token.label)}' is unlocked for '${place.instance.name}' until 'hsmonger lock' or the next boot.${woken.length === 0 ? '' : ` Set going again: ${woken.join(', ')}.`}\n`,
    );
    return 0;
  } finally {
    pin.fill(0);
  }
}

/** USAGE where the instance's PIN is none that is locked and unlocked. */
export function unlockedPinOf(instance: Instance): UnlockedPin {
  const { pin } = tokenOf(instance);
  if (pin.from === 'unlocked') return pin;
  throw new HsmongerError(
    'USAGE',
    `${instance.file} says where its PIN lies, so there is nothing to lock or unlock; see 'pin-unlock' in docs/pin.md for a PIN without a file.`,
  );
}

/** It works without the agent. A certmonger that does not run needs nobody: it reads everything anew when it starts. */
async function wake(
  options: UnlockOptions,
  env: Surroundings['env'],
  { path }: UnlockedPin,
): Promise<{ readonly woken: string[]; readonly troubles: string[] }> {
  try {
    return await withCertmonger(options.bus, env, async (certmonger) => {
      if (!(await certmonger.running())) return { woken: [], troubles: [] };
      return wakeRequests(certmonger, requestsWithPin(await certmonger.listRequests(), new Set([path])));
    });
  } catch (error) {
    return { woken: [], troubles: [`The PIN is in place, but certmonger was not told: ${sentenceOf(error)}`] };
  }
}
