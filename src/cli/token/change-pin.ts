import type { Certmonger } from '../../../dbus/certmonger.js';
import type { Directories, Instance, InstanceSite } from '../../config/instance.js';
import { loadInstance } from '../../config/load.js';
import { prepareState } from '../../config/prepare-state.js';
import { pinPathOf, tokenOf } from '../../config/token-of.js';
import { chosenToken, viewOn } from '../../config/token-views.js';
import { HsmongerError } from '../../errors.js';
import { passwordConfFile, readPasswordConf } from '../../freeipa/password-conf.js';
import { accountOf, runningAsRoot } from '../../platform/service-user.js';
import { askService } from '../../service/ask.js';
import { changingPins, pinChanges, type PinChange } from '../../service/pin/change-journal.js';
import { changePin, finishPinChange } from '../../service/pin/change.js';
import { pinIn } from '../../service/pin/pin-in.js';
import { untilIdle, wakeRequests } from '../../tracking/waiting-for-pin.js';
import type { Surroundings } from '../command.js';
import { pathFlag } from '../flags.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { harmless, json } from '../output.js';
import { givenPin } from '../pin-input.js';
import { withCertmonger } from '../with-certmonger.js';
import { affectedBy } from './affected.js';
import { namedToken } from './named-token.js';
import type { AddTokenCommand } from './place.js';

interface ChangePinOptions extends GlobalOptions {
  readonly newPinFile: string | undefined;
  readonly module: string | undefined;
  readonly token: string | undefined;
}

/** `token change-pin`: the token's PIN and every file that holds it. */
export const addChangePin: AddTokenCommand = (yargs, run) =>
  yargs.command(
    'change-pin',
    'Change the PIN: of the token, and in every PIN file of its instances and requests',
    (change) =>
      change.option('new-pin-file', {
        ...pathFlag,
        describe: 'Take the new PIN from this file; else it is asked for twice, or read from standard input',
      }),
    run(changePinOfToken),
  );

async function changePinOfToken(options: ChangePinOptions, surroundings: Surroundings): Promise<number> {
  const { io, env } = surroundings;
  if (options.module !== undefined)
    throw new HsmongerError('USAGE', 'change-pin changes the PIN files of an instance too, so it goes with --instance, not with --module.');
  if (!runningAsRoot()) throw new HsmongerError('NOT_PERMITTED', 'change-pin changes PIN files and has certmonger go on: run it as root.');
  const { directories, instance } = instanceOf(options, env);
  const place = { directories, instance: namedToken(instance, options.token) };
  const { pin } = tokenOf(place.instance);
  const main = pinPathOf(pin);
  if (main === undefined)
    throw new HsmongerError(
      'USAGE',
      `${place.instance.file} takes the PIN from an environment variable, which no command can change; change it with the vendor's tool and where the variable is set.`,
    );
  const say = (sentence: string) => {
    io.err(`hsmonger: ${harmless(sentence)}\n`);
  };
  prepareState(place.directories, place.instance, accountOf(place.instance.user));
  const token = await changingPinsAfterProof(place, say, async (description) =>
    withCertmonger(options.bus, env, async (certmonger) => {
      const { files, requests, obstacles, remarks } = await affectedBy(place, description, main, await certmonger.listRequests());
      if (obstacles.length > 0)
        throw new HsmongerError(
          'PIN_NOT_CHANGED',
          `The PIN of token '${description.label}' cannot be changed everywhere, so nothing was: ${obstacles.join(' ')}`,
        );
      const ids = requests.map(({ nickname }) => nickname);
      const changed = await changeTo(
        options,
        place,
        { files, main, quiet: () => untilIdle(async () => asNow(certmonger, ids), description.label) },
        io,
      );
      const { woken, troubles } = await wakeRequests(certmonger, await asNow(certmonger, ids));
      for (const sentence of [...troubles, ...(changed ? [...remarks, ...onServer(place.instance, description.label, surroundings)] : [])])
        say(sentence);
      return { label: description.label, files, woken, changed };
    }),
  );
  io.out(
    options.json
      ? json(token)
      : `${token.changed ? `Token '${harmless(token.label)}' has the new PIN` : `Token '${harmless(token.label)}' has this PIN already`}, and so ${token.files.length === 1 ? 'has' : 'have'} ${harmless(token.files.join(', '))}.${token.woken.length === 0 ? '' : ` Set going again: ${token.woken.join(', ')}.`}\n`,
  );
  return 0;
}

/** What was interrupted is finished first; then one login proves that the PIN that is to be changed is the token's. */
async function changingPinsAfterProof<T>(
  place: InstanceSite,
  say: (sentence: string) => void,
  work: (token: Awaited<ReturnType<typeof prove>>) => Promise<T>,
): Promise<T> {
  try {
    return await changingPins(place.directories, async () => {
      for (const left of pinChanges(place.directories)) {
        const end = await finishPinChange({ ...place, instance: interrupted(place.directories, left) }, left);
        say(
          `An interrupted change of the PIN of '${left.instance}' was finished: ${{ changed: 'the token has the new PIN, and so have its files.', undone: 'the token has the old PIN, and so have its files.', lost: 'neither PIN is left in memory, so unlock again.', 'written anew': 'neither PIN was left in memory, and the PIN that was put there since stays.' }[end]}`,
        );
      }
      return work(await prove(place));
    });
  } catch (error) {
    if (pinChanges(place.directories).length > 0 && !(error instanceof HsmongerError && error.code === 'STATE_BUSY'))
      say(
        "Which PIN the token has is not certain now. The PIN files are set aside, so that nobody spends an attempt; run 'hsmonger token change-pin' again once the token answers, and it decides.",
      );
    throw error;
  }
}

/** The token whose change was interrupted. */
function interrupted(directories: Directories, { instance, on }: PinChange): Instance {
  const whole = loadInstance(directories, instance);
  return on === undefined ? chosenToken(whole, undefined) : viewOn(whole, on);
}

function prove(place: InstanceSite) {
  return askService(place, 'prove PIN', { force: false, anew: false });
}

/** False where the token has that PIN already, as after a change that was interrupted late. */
async function changeTo(
  options: ChangePinOptions,
  place: InstanceSite,
  { files, main, quiet }: { readonly files: readonly string[]; readonly main: string; readonly quiet: () => Promise<void> },
  io: Surroundings['io'],
): Promise<boolean> {
  const account = accountOf(place.instance.user);
  const { pin } = await givenPin(
    { file: options.newPinFile, flag: '--new-pin-file', prompt: `New PIN of the token of '${place.instance.name}'`, twice: true },
    account,
    io,
  );
  const old = pinIn(main, account);
  try {
    if (old.equals(pin)) return false;
    await changePin(place, files, pin, quiet);
    return true;
  } finally {
    pin.fill(0);
    old.fill(0);
  }
}

/** As they are now: some met the moment without a PIN. */
async function asNow(certmonger: Certmonger, ids: readonly string[]) {
  return (await certmonger.listRequests()).filter(({ nickname }) => ids.includes(nickname));
}

/** A place that holds the PIN and is not ours to write. */
function onServer({ pki }: Instance, label: string, { root = '/' }: Surroundings): string[] {
  return pki !== undefined && inPasswordConf(root, label)
    ? [
        `The PKI server has the old PIN in the line 'hardware-${label}=' of ${passwordConfFile}: write the new one there before it is started again, or it spends attempts and stays down.`,
      ]
    : [];
}

function inPasswordConf(root: string, label: string): boolean {
  try {
    const conf = readPasswordConf(root);
    for (const pin of [conf.internal, ...conf.hardware.values()]) pin?.fill(0);
    return conf.hardware.has(label);
  } catch {
    return false;
  }
}
