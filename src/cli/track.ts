import type { Argv } from 'yargs';
import type { Certmonger } from '../../dbus/certmonger.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import { HsmongerError } from '../errors.js';
import { applyChanges, exitCodeOf } from '../tracking/apply.js';
import { formatListing, utcText } from '../tracking/listing.js';
import { localTimes } from '../tracking/local-times.js';
import { adoptable, isOurCa } from '../tracking/plan.js';
import { refused } from '../tracking/preflight.js';
import { standing } from '../tracking/several-tokens.js';
import { requestIds } from '../config/request-id.js';
import type { AddCommand, Surroundings } from './command.js';
import { instanceOf, type GlobalFlags, type GlobalOptions } from './global-options.js';
import { harmless, json } from './output.js';
import { listReport, planReport, planText, refusalText, stepReport, stepText } from './track/report.js';
import { withTracker, type Survey, type Tracker } from '../tracking/survey.js';

interface StartOptions extends GlobalOptions {
  readonly nickname: string;
}

interface StopOptions extends GlobalOptions {
  readonly nickname: string | undefined;
  readonly id: string | undefined;
}

interface ListOptions extends GlobalOptions {
  readonly all: boolean;
  readonly utc: boolean;
}

/** `track plan|apply|start|stop|list`: certmonger's requests against the instance file. */
export const addTrack: AddCommand = (yargs, run) =>
  yargs.command('track', "Make certmonger's requests match the instance file", (track: Argv<GlobalFlags>) =>
    track
      .command('plan', 'What would change, and what speaks against it; exit status 3 when there is anything', (plan) => plan, run(plan))
      .command('apply', 'Make the changes, unless anything speaks against them', (apply) => apply, run(apply))
      .command(
        'start',
        'Start tracking one certificate of the instance file',
        (start) =>
          start.option('nickname', { alias: 'n', type: 'string', requiresArg: true, demandOption: true, describe: 'Its nickname' }),
        run(start),
      )
      .command(
        'stop',
        'Stop tracking one certificate; key and certificate stay where they are',
        (stop) =>
          stop
            .option('nickname', { alias: 'n', type: 'string', requiresArg: true, describe: 'Its nickname' })
            .option('id', { alias: 'i', type: 'string', requiresArg: true, describe: 'The request id, instead' }),
        run(stop),
      )
      .command(
        'list',
        "The instance's requests as getcert prints them",
        (list) =>
          list
            .option('all', { type: 'boolean', default: false, describe: 'Those of others too' })
            .option('utc', { alias: 'u', type: 'boolean', default: false, describe: 'Times in UTC' }),
        run(list),
      )
      .demandCommand(1, 'Name what to do: plan, apply, start, stop or list.'),
  );

/** 3 when certmonger's requests differ or pre-flight refuses, 0 when all is as it should be. */
export async function plan(options: GlobalOptions, { io, env }: Surroundings): Promise<number> {
  return withTracker(instanceOf(options, env), options.bus, env, async (tracker) => {
    const survey = await tracker.survey();
    io.out(options.json ? json(planReport(options.instance, survey)) : planText(options.instance, survey));
    return survey.changes.length === 0 && survey.refusals.length === 0 ? 0 : 3;
  });
}

/** Nothing is changed when pre-flight refuses anything: 3 then, 1 when a change failed. */
export async function apply(options: GlobalOptions, surroundings: Surroundings): Promise<number> {
  return withTracker(instanceOf(options, surroundings.env), options.bus, surroundings.env, async (tracker) =>
    perform(tracker, await tracker.survey(), options, surroundings),
  );
}

/** `apply` for one certificate. */
export async function start(options: StartOptions, surroundings: Surroundings): Promise<number> {
  const place = instanceOf(options, surroundings.env);
  const id = requestIds(place.instance).get(options.nickname);
  if (id === undefined) throw noSuchCertificate(options.nickname, place.instance.file, place.instance.certificates);
  return withTracker(place, options.bus, surroundings.env, async (tracker) => {
    const survey = await tracker.survey();
    const changes = survey.changes.filter((change) => change.kind !== 'remove' && change.request.id === id);
    const refusals = survey.refusals.filter(({ nickname }) => nickname === undefined || nickname === options.nickname);
    return perform(tracker, { ...survey, changes, refusals }, options, surroundings);
  });
}

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
function stillIn(instance: Tracker['place']['instance'], id: string, nickname: string | undefined): string | undefined {
  return nickname ?? [...requestIds(instance)].find(([, known]) => known === id)?.[0];
}

/** getcert's format, or JSON. */
export async function list(options: ListOptions, { io, env }: Surroundings): Promise<number> {
  const place = instanceOf(options, env);
  const ids = new Set(requestIds(place.instance).values());
  return withTracker(place, options.bus, env, async ({ certmonger }) => {
    const requests = (await certmonger.listRequests()).filter(
      (request) => options.all || isOurCa(place.instance, request.ca) || ids.has(request.nickname),
    );
    if (options.json) {
      io.out(json(requests.map(listReport)));
      return 0;
    }
    const times = options.utc
      ? utcText
      : await localTimes(
          requests.flatMap(({ certificate }) => [certificate.notBefore, certificate.notAfter]),
          env,
        );
    // getcert's lines begin with tabs; what comes from outside must not drive the terminal.
    io.out(formatListing(requests, times).replace(/[^\t\n]+/gu, harmless));
    return 0;
  });
}

/**
 * Makes the surveyed changes and tells each; none where pre-flight refuses anything: a misspelt nickname is a refusal and the removal of a
 * request that is right.
 */
async function perform(
  { certmonger }: Tracker,
  { changes, refusals }: Survey,
  options: Pick<GlobalOptions, 'instance' | 'json'>,
  { io }: Surroundings,
): Promise<number> {
  if (changes.length > 0 && standing(refusals).length > 0) {
    if (options.json) io.out(json({ instance: options.instance, steps: [], refusals }));
    else io.err(refusalText(refusals));
    throw refused(options.instance, standing(refusals));
  }
  const steps = await applyChanges(
    certmonger,
    changes,
    options.json
      ? {}
      : {
          onStep: (step) => {
            io.out(stepText(step));
          },
        },
  );
  if (options.json) io.out(json({ instance: options.instance, steps: steps.map(stepReport), refusals }));
  else if (changes.length === 0)
    io.out(`Nothing to change: certmonger's requests of instance '${options.instance}' are as they should be.\n`);
  if (refusals.length > 0 && !options.json) io.err(refusalText(refusals));
  const code = exitCodeOf(steps);
  return code === 0 && refusals.length > 0 ? 3 : code;
}

/** The certificate's request under another id, such as FreeIPA's, as long as it goes to our CA. */
async function adoptableOf(
  certmonger: Certmonger,
  instance: Tracker['place']['instance'],
  nickname: string | undefined,
): Promise<TrackingRequest | undefined> {
  const certificate = instance.certificates.find((config) => config.nickname === nickname);
  return certificate === undefined ? undefined : adoptable(await certmonger.listRequests(), instance, certificate);
}

function idToStop({ nickname, id }: StopOptions, instance: Tracker['place']['instance']): string {
  if ((nickname === undefined) === (id === undefined))
    throw new HsmongerError('USAGE', 'Say which request to stop: --nickname or --id, one of the two.');
  if (id !== undefined) return id;
  const known = nickname === undefined ? undefined : requestIds(instance).get(nickname);
  if (known === undefined) throw noSuchCertificate(nickname ?? '', instance.file, instance.certificates);
  return known;
}

function requestIdsInclude(instance: Tracker['place']['instance'], id: string): boolean {
  return [...requestIds(instance).values()].includes(id);
}

function noSuchCertificate(nickname: string, file: string, certificates: readonly { readonly nickname: string }[]): HsmongerError {
  const known = certificates.map((certificate) => `'${certificate.nickname}'`).join(', ');
  return new HsmongerError('USAGE', `${file} has no certificate '${nickname}'; it has ${known === '' ? 'none' : known}.`);
}
