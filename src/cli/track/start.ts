import { requestIds } from '../../config/request-id.js';
import { withTracker } from '../../tracking/survey.js';
import type { AddCommand, Surroundings } from '../command.js';
import { nicknameFlag } from '../flags.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { noSuchCertificate } from './no-such-certificate.js';
import { perform } from './perform.js';

interface StartOptions extends GlobalOptions {
  readonly nickname: string;
}

/** `track start`: one certificate of the instance file. */
export const addStart: AddCommand = (yargs, run) =>
  yargs.command(
    'start',
    'Start tracking one certificate of the instance file',
    (start) => start.option('nickname', { ...nicknameFlag, demandOption: true, describe: 'Its nickname' }),
    run(start),
  );

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
