import { attend, type Attendant } from '../agent/follow/attend.js';
import { linkCertmonger } from '../agent/certmonger-link.js';
import { logTo } from '../agent/log.js';
import { instanceNames, loadInstance } from '../config/load.js';
import type { Directories, Instance } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import { runningAsRoot } from '../platform/service-user.js';
import type { AddCommand, Surroundings } from './command.js';
import { dryRun } from './agent/dry-run.js';
import { absolutePath, directoriesOf, wholeSeconds, type GlobalOptions } from './global-options.js';
import { harmless } from './output.js';

interface AgentOptions extends Omit<GlobalOptions, 'instance'> {
  readonly instance: string | undefined;
  readonly poll: number | undefined;
  readonly dryRun: boolean;
  readonly picture: string | undefined;
}

/**
 * A replica serves within a minute what the renewal master published, by the poll alone too: certmonger saves one certificate after the other, a few
 * seconds each, so that much of the minute is theirs.
 */
const pollSeconds = 30;

/** `agent`: the daemon that follows the renewal master. */
export const addAgent: AddCommand = (yargs, run) =>
  yargs.command(
    'agent',
    'Run in the foreground and have certmonger take what the renewal master publishes, as soon as it does',
    (agent) =>
      agent
        .option('instance', { type: 'string', requiresArg: true, default: undefined, describe: 'This instance alone [every one with a directory]' })
        .option('poll', { type: 'string', requiresArg: true, coerce: wholeSeconds, describe: 'Ask the directory every so many seconds besides [30]' })
        .option('dry-run', { type: 'boolean', default: false, describe: 'Print the calendar of the next 12 months, and change nothing' })
        .option('picture', { type: 'string', requiresArg: true, coerce: absolutePath, implies: 'dry-run', describe: 'With --dry-run: draw it into this SVG file too' }),
    run((options: AgentOptions, surroundings) => (options.dryRun ? dryRun(options, surroundings) : follow(options, surroundings))),
  );

async function follow(options: AgentOptions, { io, env, signal }: Surroundings): Promise<number> {
  if (!runningAsRoot()) throw new HsmongerError('NOT_PERMITTED', 'The agent speaks to certmonger and binds to the directory: run it as root, best by its unit, hsmonger-agent.service.');
  const directories = directoriesOf(options, env);
  const instances = chosen(directories, options.instance);
  const stop = new AbortController();
  const end = () => { stop.abort(); };
  process.once('SIGTERM', end);
  signal.addEventListener('abort', end);
  const log = logTo((text) => { io.err(`${harmless(text.slice(0, -1))}\n`); }, env);
  const attendants: Attendant[] = [];
  const certmonger = linkCertmonger(options.bus, env, () => { attendants.forEach((attendant) => { attendant.nudge(); }); });
  try {
    for (const instance of instances) attendants.push(attend({ instance, directories, certmonger, pollMs: (options.poll ?? pollSeconds) * 1000, log, signal: stop.signal }));
    log('info', `following the renewal master for ${instances.map(({ name }) => `'${name}'`).join(', ')}.`);
    await Promise.all(attendants.map(({ ended }) => ended));
    log('info', 'stopped.');
    return 0;
  } finally {
    end();
    certmonger.close();
    process.removeListener('SIGTERM', end);
  }
}

function chosen(directories: Directories, name: string | undefined): Instance[] {
  const named = name === undefined ? instanceNames(directories) : [name];
  const instances = named.map((each) => loadInstance(directories, each)).filter(({ directory }) => directory !== undefined);
  if (instances.length === 0) throw new HsmongerError('CONFIG_INVALID', `${name === undefined ? `No instance in ${directories.config}` : `The instance '${name}'`} has a [directory], so there is no renewal master to follow; add one as docs/configuration.md says.`);
  return instances;
}
