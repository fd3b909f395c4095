import type { Argv } from 'yargs';
import type { Directories, Instance } from '../config/instance.js';
import { tokenOf } from '../config/token-of.js';
import { HsmongerError } from '../errors.js';
import { askService } from '../service/ask.js';
import type { AddCommand, Surroundings } from './command.js';
import { absolutePath, directoriesOf, instanceOf, keyValues, type GlobalFlags, type GlobalOptions } from './global-options.js';
import { json } from './output.js';
import { provisionalInstance } from './provisional-instance.js';
import { changePinOfToken } from './token/change-pin.js';
import { checkReport, checkTable, keyReport, keyTable, tokenTable } from './token/tables.js';

interface TokenOptions extends GlobalOptions {
  readonly module: string | undefined;
  readonly token: string | undefined;
  readonly pinFile: string | undefined;
  readonly user: string;
  readonly moduleEnv: Record<string, string> | undefined;
}

interface Place {
  readonly instance: Instance;
  readonly directories: Directories;
}

/** `token list`, `token keys`, `token check`, `token change-pin`: the PKCS#11 side, seen as the service user. */
export const addToken: AddCommand = (yargs, run) =>
  yargs.command('token', 'Look at the tokens and keys, change the PIN, as the service user', (token) =>
    withTokenOptions(token)
      .command('list', "The tokens in the module's slots", (list) => list, run(list))
      .command('keys', 'The private keys, with their certificates and URIs', (keys) => keys, run(keys))
      .command('check', 'Sign with each key and verify', (check) => check.option('force', { type: 'boolean', default: false, describe: 'Try the PIN even where one attempt is left before the token locks' }), run(check))
      .command(
        'change-pin',
        'Change the PIN: of the token, and in every PIN file of its instances and requests',
        (change) => change.option('new-pin-file', { type: 'string', requiresArg: true, coerce: absolutePath, describe: 'Take the new PIN from this file; else it is asked for twice, or read from standard input' }),
        run(changePinOfToken),
      )
      .example('hsmonger token list --module /usr/lib/softhsm/libsofthsm2.so', 'Before there is an instance file')
      .demandCommand(1, 'Name what to do: list, keys, check or change-pin.'),
  );

function withTokenOptions(yargs: Argv<GlobalFlags>) {
  return yargs
    .option('module', { type: 'string', requiresArg: true, coerce: absolutePath, describe: 'PKCS#11 module, instead of the instance file' })
    .option('token', { alias: 't', type: 'string', requiresArg: true, describe: 'Exact label of the token (with --module)' })
    .option('pin-file', { alias: 'p', type: 'string', requiresArg: true, coerce: absolutePath, describe: 'PIN file (with --module); else the variable HSMONGER_PIN' })
    .option('user', { type: 'string', requiresArg: true, default: 'pkiuser', describe: 'Service user (with --module)' })
    .option('module-env', { type: 'string', array: true, requiresArg: true, coerce: keyValues('module-env'), describe: 'KEY=VALUE for the module, repeatable (with --module)' });
}

async function list(options: TokenOptions, { io, env }: Surroundings): Promise<number> {
  const tokens = await askService(placeOf(options, env), 'list tokens', undefined);
  io.out(options.json ? json(tokens) : tokenTable(tokens, io.colour));
  if (tokens.length === 0) io.err('hsmonger: the module shows no token to the service user; check that the device is there, and the variables the module needs (--module-env).\n');
  return 0;
}

async function keys(options: TokenOptions, { io, env }: Surroundings): Promise<number> {
  const contents = await askService(await withLabel(options, placeOf(options, env)), 'inspect token', { keys: true });
  const report = keyReport(contents);
  io.out(options.json ? json(report) : keyTable(report, io.colour));
  return 0;
}

async function check(options: TokenOptions & { readonly force: boolean }, { io, env }: Surroundings): Promise<number> {
  const report = checkReport(await askService(await withLabel(options, placeOf(options, env)), 'check keys', { force: options.force }));
  io.out(options.json ? json(report) : checkTable(report, io.colour));
  return report.every(({ ok }) => ok) ? 0 : 3;
}

/** The instance file's token, or the one the flags name where there is no file yet. */
function placeOf(options: TokenOptions, env: Surroundings['env']): Place {
  const { module, token, pinFile, moduleEnv } = options;
  if (module === undefined) {
    const stray = Object.entries({ token, 'pin-file': pinFile, 'module-env': moduleEnv }).find(([, value]) => value !== undefined)?.[0];
    if (stray !== undefined) throw new HsmongerError('USAGE', `--${stray} goes with --module; without it the instance file says everything.`);
    return instanceOf(options, env);
  }
  return {
    directories: directoriesOf(options, env),
    instance: provisionalInstance({
      instance: options.instance,
      user: options.user,
      module,
      environment: moduleEnv ?? {},
      ...(token === undefined ? {} : { label: token }),
      ...(pinFile === undefined ? {} : { pinFile }),
    }),
  };
}

/** Without --token the only token of the module is meant. */
async function withLabel(options: TokenOptions, place: Place): Promise<Place> {
  if (options.module === undefined || options.token !== undefined) return place;
  const tokens = (await askService(place, 'list tokens', undefined)).filter(({ initialized }) => initialized);
  const [only, another] = tokens;
  if (only === undefined) throw new HsmongerError('TOKEN_NOT_FOUND', `${options.module} shows no initialised token to user '${options.user}'; check the device and the variables the module needs (--module-env).`);
  if (another !== undefined) throw new HsmongerError('USAGE', `${options.module} has ${String(tokens.length)} tokens; name one with --token: ${tokens.map(({ label }) => `'${label}'`).join(', ')}.`);
  return { ...place, instance: { ...place.instance, token: { ...tokenOf(place.instance), selector: { by: 'label', label: only.label } } } };
}
