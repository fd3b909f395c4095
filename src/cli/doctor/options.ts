import type { Argv } from 'yargs';
import type { FindingSeverity } from '../../doctor/finding.js';
import { severities } from '../../doctor/severity.js';
import { pathFlag } from '../flags.js';
import type { GlobalFlags, GlobalOptions } from '../global-options.js';

const outputs = ['human', 'json', 'nagios', 'prometheus'] as const;
export type DoctorOutput = (typeof outputs)[number];

export interface DoctorOptions extends GlobalOptions {
  readonly output: DoctorOutput | undefined;
  readonly source: string | undefined;
  readonly check: string | undefined;
  readonly severity: readonly FindingSeverity[] | undefined;
  readonly failuresOnly: boolean;
  readonly list: boolean;
  readonly allInstances: boolean;
  readonly login: boolean;
  readonly fix: boolean;
  readonly yes: boolean;
  readonly outputFile: string | undefined;
}

/** The flags as yargs knows them: both spellings of each. */
type DoctorFlags = GlobalFlags &
  Pick<DoctorOptions, 'output' | 'source' | 'check' | 'login' | 'fix' | 'yes' | 'list'> & {
    readonly severity: FindingSeverity[] | undefined;
    readonly 'failures-only': boolean;
    readonly 'all-instances': boolean;
    readonly 'output-file': string | undefined;
  };

export function withDoctorOptions(yargs: Argv<GlobalFlags>): Argv<DoctorFlags> {
  return yargs
    .option('output', {
      choices: outputs,
      requiresArg: true,
      describe: 'human, json (as ipa-healthcheck), nagios or prometheus [human; json with --json]',
    })
    .option('source', { type: 'string', requiresArg: true, describe: 'Checks of this source alone, or of all that begin with it' })
    .option('check', { type: 'string', requiresArg: true, describe: 'This check alone' })
    .option('severity', {
      choices: severities,
      array: true,
      requiresArg: true,
      describe: 'Show findings of this severity alone; repeatable',
    })
    .option('failures-only', { type: 'boolean', default: false, describe: 'Show no success' })
    .option('list', { type: 'boolean', default: false, describe: 'List the checks and run none' })
    .option('all-instances', { type: 'boolean', default: false, describe: 'Every instance there is a file for' })
    .option('login', { type: 'boolean', default: false, describe: 'Try the PIN, once, and sign with every key' })
    .option('fix', { type: 'boolean', default: false, describe: 'Do what is safe, after showing it, then look again' })
    .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'With --fix: do not ask' })
    .option('output-file', { ...pathFlag, describe: 'Write the output there, in one step' })
    .example('hsmonger doctor --login', 'Everything, the PIN and the keys too')
    .example('hsmonger doctor --failures-only --output json', 'For ipa-healthcheck --input-file, and for programs');
}
