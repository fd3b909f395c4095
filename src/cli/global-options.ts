import type { Argv } from 'yargs';
import { directoriesFrom } from '../config/directories.js';
import type { Directories, InstanceSite } from '../config/instance.js';
import { loadInstance } from '../config/load.js';

/** Flags every command has, as a command reads them. */
export interface GlobalOptions {
  readonly instance: string;
  /** 'system', 'session', or a D-Bus address. */
  readonly bus: string;
  readonly configDir: string | undefined;
  readonly stateDir: string | undefined;
  readonly json: boolean;
  readonly noColor: boolean;
  readonly verbose: boolean;
}

/** The same as yargs knows them: it hands a command both spellings. */
export interface GlobalFlags extends Omit<GlobalOptions, 'configDir' | 'stateDir' | 'noColor'> {
  readonly 'config-dir': string | undefined;
  readonly 'state-dir': string | undefined;
  readonly 'no-color': boolean;
}

export function addGlobalOptions(yargs: Argv): Argv<GlobalFlags> {
  return yargs
    .option('instance', { type: 'string', requiresArg: true, default: 'hsmonger', describe: "Instance: the CA's nickname in certmonger" })
    .option('bus', {
      type: 'string',
      requiresArg: true,
      default: 'system',
      describe: 'Where certmonger is: system, session, or a D-Bus address',
    })
    .option('config-dir', { type: 'string', requiresArg: true, describe: 'Directory of instance files [/etc/hsmonger]' })
    .option('state-dir', { type: 'string', requiresArg: true, describe: 'Directory of ledgers and journals [/var/lib/hsmonger]' })
    .option('json', { type: 'boolean', default: false, describe: 'Results as JSON' })
    .option('no-color', { type: 'boolean', default: false, describe: 'No colour, as with NO_COLOR set' })
    .option('verbose', { alias: 'v', type: 'boolean', default: false, describe: 'Tell more; show the trace of a failure' });
}

/** The directories the flags and the environment name. */
export function directoriesOf(
  options: Pick<GlobalOptions, 'configDir' | 'stateDir'>,
  env: Readonly<Record<string, string | undefined>>,
): Directories {
  return directoriesFrom(options, env);
}

/** The instance a command works for, and where things lie. */
export function instanceOf(
  options: Pick<GlobalOptions, 'instance' | 'configDir' | 'stateDir'>,
  env: Readonly<Record<string, string | undefined>>,
): InstanceSite {
  const directories = directoriesOf(options, env);
  return { directories, instance: loadInstance(directories, options.instance) };
}
