import type { Certmonger } from '../../../dbus/certmonger.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { Instance } from '../../config/instance.js';
import { requestIds } from '../../config/request-id.js';
import { HsmongerError } from '../../errors.js';
import { adoptable, isOurCa } from '../../tracking/plan.js';
import { withTracker } from '../../tracking/survey.js';
import type { AddCommand, Surroundings } from '../command.js';
import { nicknameFlag } from '../flags.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { harmless, json } from '../output.js';
import { noSuchCertificate } from './no-such-certificate.js';

interface StopOptions extends GlobalOptions {
  readonly nickname: string | undefined;
  readonly id: string | undefined;
}

/** `track stop`: one request of the instance. */
export const addStop: AddCommand = (yargs, run) =>
  yargs.command(
    'stop',
    'Stop tracking one certificate; key and certificate stay where they are',
    (stop) =>
      stop
        .option('nickname', { ...nicknameFlag, describe: 'Its nickname' })
        .option('id', { alias: 'i', type: 'string', requiresArg: true, describe: 'The request id, instead' }),
    run(stop),
  );

/** Removes one request of the instance; already untracked is success. */
export async function stop(options: StopOptions, { io, env }: Surroundings): Promise<number> {
  const place = instanceOf(options, env);
  const ours = idToStop(options, place.instance);
  return withTracker(place, options.bus, env, async ({ certmonger }) => {
    const found = (await certmonger.request(ours).find()) ?? (await adoptableOf(certmonger, place.instance, options.nickname));
    const id = found?.nickname ?? ours;
    if (found !== undefined && !isOurCa(place.instance, found.ca) && !requestIdsInclude(place.instance, id)) {
      throw new HsmongerError(
        'USAGE',
        `The request '${id}' belongs to ${found.ca === undefined ? 'no CA' : `the CA '${found.ca}'`}, not to instance '${place.instance.name}'; stop it with: getcert stop-tracking -i ${id}.`,
      );
    }
    if (found !== undefined) await certmonger.request(id).remove();
    const nickname = stillIn(place.instance, id, options.nickname);
    io.out(
      options.json
        ? json({ instance: place.instance.name, id, stopped: found !== undefined, inFile: nickname !== undefined })
        : found === undefined
          ? `'${id}' is not tracked.\n`
          : `Stopped tracking '${id}'; its key and certificate stay where they are.\n`,
    );
    if (nickname !== undefined && !options.json)
      io.err(
        `hsmonger: ${harmless(`${place.instance.file} still has '${nickname}', so 'hsmonger track apply' and the agent track it again; take it out of the file to end that.`)}\n`,
      );
    return 0;
  });
}

/** The certificate of the request, where the instance file goes on asking for it. */
function stillIn(instance: Instance, id: string, nickname: string | undefined): string | undefined {
  return nickname ?? [...requestIds(instance)].find(([, known]) => known === id)?.[0];
}

/** The certificate's request under another id, such as FreeIPA's, as long as it goes to our CA. */
async function adoptableOf(certmonger: Certmonger, instance: Instance, nickname: string | undefined): Promise<TrackingRequest | undefined> {
  const certificate = instance.certificates.find((config) => config.nickname === nickname);
  return certificate === undefined ? undefined : adoptable(await certmonger.listRequests(), instance, certificate);
}

function idToStop({ nickname, id }: StopOptions, instance: Instance): string {
  if ((nickname === undefined) === (id === undefined))
    throw new HsmongerError('USAGE', 'Say which request to stop: --nickname or --id, one of the two.');
  if (id !== undefined) return id;
  const known = nickname === undefined ? undefined : requestIds(instance).get(nickname);
  if (known === undefined) throw noSuchCertificate(nickname ?? '', instance.file, instance.certificates);
  return known;
}

function requestIdsInclude(instance: Instance, id: string): boolean {
  return [...requestIds(instance).values()].includes(id);
}
