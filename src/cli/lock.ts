import { HsmongerError, sentenceOf } from '../errors.js';
import { runningAsRoot } from '../platform/service-user.js';
import { prepareUnlocked, wipeUnlocked } from '../service/pin/unlocked-file.js';
import { requestsWithPin } from '../tracking/waiting-for-pin.js';
import type { AddCommand, Surroundings } from './command.js';
import { instanceOf, type GlobalOptions } from './global-options.js';
import { harmless, json } from './output.js';
import { unlockedPinOf } from './unlock.js';
import { namedToken } from './token/named-token.js';
import { withCertmonger } from './with-certmonger.js';

/** `lock`: wipes the unlocked PIN; what needs the token waits. */
export const addLock: AddCommand = (yargs, run) =>
  yargs.command(
    'lock',
    'Wipe the unlocked PIN; what needs the token waits until unlock',
    (lock) =>
      lock.option('token', {
        alias: 't',
        type: 'string',
        requiresArg: true,
        describe: 'Which token, where the instance has several: its name in the file, its label, or its URI',
      }),
    run(lockPin),
  );

interface LockOptions extends GlobalOptions {
  readonly token: string | undefined;
}

async function lockPin(options: LockOptions, { io, env }: Surroundings): Promise<number> {
  const instance = namedToken(instanceOf(options, env).instance, options.token);
  const unlocked = unlockedPinOf(instance);
  if (!runningAsRoot()) throw new HsmongerError('NOT_PERMITTED', `${unlocked.path} is in a directory of root's: run lock as root.`);
  prepareUnlocked(unlocked);
  const wiped = wipeUnlocked(unlocked);
  const waiting = await waitingFor(options, env, unlocked.path);
  if (options.json) {
    io.out(json({ instance: instance.name, wiped, ...waiting }));
    return 0;
  }
  io.out(wiped ? `The PIN of '${instance.name}' is wiped.\n` : `The PIN of '${instance.name}' was locked already.\n`);
  if (waiting.trouble !== undefined) io.err(`hsmonger: ${harmless(waiting.trouble)}\n`);
  for (const { request, nickname, notAfter } of waiting.requests) {
    io.out(
      harmless(
        `'${nickname}' (${request}) waits with its renewal until 'hsmonger unlock'${notAfter === undefined ? '' : `; it expires ${notAfter.toISOString().slice(0, 10)}`}.`,
      ) + '\n',
    );
  }
  return 0;
}

interface Waiting {
  readonly requests: readonly { readonly request: string; readonly nickname: string; readonly notAfter?: Date }[];
  readonly trouble?: string;
}

async function waitingFor(options: GlobalOptions, env: Surroundings['env'], path: string): Promise<Waiting> {
  try {
    return await withCertmonger(options.bus, env, async (certmonger) => {
      if (!(await certmonger.running()))
        return { requests: [], trouble: 'certmonger does not run, so which requests will wait is not known.' };
      const requests = requestsWithPin(await certmonger.listRequests(), new Set([path]));
      return {
        requests: requests.map(({ nickname, certificateStorage, certificate: { notAfter } }) => ({
          request: nickname,
          nickname: certificateStorage.nickname ?? nickname,
          ...(notAfter === undefined ? {} : { notAfter }),
        })),
      };
    });
  } catch (error) {
    return { requests: [], trouble: `Which requests will wait is not known: ${sentenceOf(error)}` };
  }
}
