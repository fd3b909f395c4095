import { writeFileSync } from 'node:fs';
import { renewable } from '../../agent/calendar/certificates.js';
import { isMaster } from '../../agent/calendar/mastership.js';
import { drawCalendar } from '../../agent/calendar/calendar-chart.js';
import type { Directories, Instance } from '../../config/instance.js';
import { instanceNames, loadInstance } from '../../config/load.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { planCalendar } from '../../renewal/calendar/plan-calendar.js';
import { calendarText } from '../calendar/text.js';
import type { Surroundings } from '../command.js';
import { directoriesOf, type GlobalOptions } from '../global-options.js';
import { harmless, json } from '../output.js';
import { withCertmonger } from '../with-certmonger.js';

export interface DryRunOptions extends Omit<GlobalOptions, 'instance'> {
  /** All of them where none is named. */
  readonly instance: string | undefined;
  /** Absolute path an SVG is written to. */
  readonly picture: string | undefined;
}

/** `agent --dry-run`: what the agent would renew when, in the next 12 months; changes nothing. 3 where a certificate has no place in it. */
export async function dryRun(options: DryRunOptions, { io, env, clock }: Surroundings): Promise<number> {
  const directories = directoriesOf(options, env);
  const instances = (options.instance === undefined ? instanceNames(directories) : [options.instance]).map((name) =>
    loadInstance(directories, name),
  );
  if (instances.length === 0)
    throw new HsmongerError('CONFIG_NOT_FOUND', `There is no instance in ${directories.config}; make one with 'hsmonger setup'.`);
  const now = clock();
  const until = new Date(now);
  until.setUTCFullYear(now.getUTCFullYear() + 1);
  const requests = await withCertmonger(options.bus, env, async (certmonger) => {
    if (!(await certmonger.running()))
      throw new HsmongerError(
        'CERTMONGER_UNAVAILABLE',
        'certmonger does not run, so nobody knows what it has; start it with systemctl start certmonger.',
      );
    return certmonger.listRequests();
  });
  const masters = await mastersAmong(instances, directories, (sentence) => {
    io.err(`hsmonger: ${harmless(sentence)}\n`);
  });
  const { certificates, without } = renewable(instances, requests, (name) => masters.get(name));
  const entries = planCalendar(certificates, { now, until });
  if (options.picture !== undefined) draw(options.picture, drawCalendar({ entries, now, until }));
  io.out(options.json ? json({ from: now, until, entries, without }) : calendarText({ from: now, until, entries, without }, io.colour));
  return without.length === 0 ? 0 : 3;
}

/** Whether this server is the renewal master, for each instance whose directory says so. */
async function mastersAmong(
  instances: readonly Instance[],
  directories: Directories,
  tell: (sentence: string) => void,
): Promise<Map<string, boolean>> {
  const masters = new Map<string, boolean>();
  for (const instance of instances) {
    if (instance.directory === undefined || instance.issuer.type === 'directory' || instance.issuer.type === 'external') continue;
    try {
      masters.set(instance.name, await isMaster({ instance, directories }));
    } catch (error) {
      tell(
        `Whether this server is the renewal master is not known, so the calendar of '${instance.name}' is as if it were: ${sentenceOf(error)}`,
      );
    }
  }
  return masters;
}

function draw(file: string, svg: string): void {
  try {
    writeFileSync(file, svg);
  } catch (error) {
    throw new HsmongerError('USAGE', `The picture could not be written to ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}
