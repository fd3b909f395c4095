import { requestIds } from '../../config/request-id.js';
import { formatListing, utcText } from '../../tracking/listing.js';
import { localTimes } from '../../tracking/local-times.js';
import { isOurCa } from '../../tracking/plan.js';
import { withTracker } from '../../tracking/survey.js';
import type { AddCommand, Surroundings } from '../command.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { harmless, json } from '../output.js';
import { listReport } from './report.js';

interface ListOptions extends GlobalOptions {
  readonly all: boolean;
  readonly utc: boolean;
}

/** `track list`: requests in getcert's format, or JSON. */
export const addList: AddCommand = (yargs, run) =>
  yargs.command(
    'list',
    "The instance's requests as getcert prints them",
    (list) =>
      list
        .option('all', { type: 'boolean', default: false, describe: 'Those of others too' })
        .option('utc', { alias: 'u', type: 'boolean', default: false, describe: 'Times in UTC' }),
    run(list),
  );

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
