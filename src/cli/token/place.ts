import { existsSync } from 'node:fs';
import type { Argv } from 'yargs';
import type { InstanceSite } from '../../config/instance.js';
import { instanceFile } from '../../config/load.js';
import { tokensOf } from '../../config/token-views.js';
import { tokenOf } from '../../config/token-of.js';
import { HsmongerError } from '../../errors.js';
import { askService } from '../../service/ask.js';
import type { Runner, Surroundings } from '../command.js';
import { isUri } from '../../config/pkcs11-uri.js';
import { moduleFlags, type TokenFlags } from '../flags.js';
import { directoriesOf, instanceOf, type GlobalFlags, type GlobalOptions } from '../global-options.js';
import { instanceByFlags } from '../provisional-instance.js';
import { namedToken, tokenOfObject } from './named-token.js';
import { tokenByUri } from './token-uri.js';

/** How a `token` command is told which token, where the instance file does not say it. */
export interface TokenOptions extends GlobalOptions, TokenFlags {
  readonly user: string;
}

/** The instance whose token a command works on. */
export interface TokenPlace extends InstanceSite {
  /** Flags tell which token it is, and nothing of who else uses it. */
  readonly from: 'instance file' | 'flags';
}

// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- yargs' own type says which flags there are
export function withTokenOptions(yargs: Argv<GlobalFlags>) {
  return yargs
    .option('module', { ...moduleFlags.module, describe: 'PKCS#11 module, instead of the instance file' })
    .option('token', {
      ...moduleFlags.token,
      describe:
        "Exact label or URI of the token with --module, or a URI with module-path; else which of the instance file's tokens, by name, label or URI",
    })
    .option('pin-file', { ...moduleFlags['pin-file'], describe: 'PIN file (with --module); else the variable HSMONGER_PIN' })
    .option('user', { ...moduleFlags.user, default: 'pkiuser', describe: 'Service user (with --module)' })
    .option('module-env', { ...moduleFlags['module-env'], describe: 'KEY=VALUE for the module, repeatable (with --module)' })
    .option('module-parameters', {
      ...moduleFlags['module-parameters'],
      describe: 'What the module wants in C_Initialize, as NSS softokn does (with --module)',
    });
}

type TokenArgv = ReturnType<typeof withTokenOptions>;

/** As AddCommand, for a command that has these flags too. */
export type AddTokenCommand = (yargs: TokenArgv, run: Runner) => TokenArgv;

/** What a command on one object takes; told to people. */
export const selectorWord = 'Label, CKA_ID in hexadecimal, or URI (pkcs11:…)';

/**
 * The instance file's token, or the one the flags name where there is no file yet. --token may be a URI (RFC 7512), and so may `selector`,
 * what a command works on: then it says the token as well, where no flag does.
 */
export function placeOf(options: TokenOptions, env: Surroundings['env'], selector?: string): TokenPlace {
  const { moduleEnv, moduleParameters } = options;
  const named = options.token ?? selector;
  const byUri = isUri(named) ? tokenByUri(named) : {};
  const configured = byUri.module !== undefined && options.module === undefined && isConfigured(named ?? '', options, env);
  const module = options.module ?? (configured ? undefined : byUri.module);
  if (module === undefined) {
    const stray = Object.entries({ 'pin-file': options.pinFile, 'module-env': moduleEnv, 'module-parameters': moduleParameters }).find(
      ([, value]) => value !== undefined,
    )?.[0];
    if (stray !== undefined)
      throw new HsmongerError('USAGE', `--${stray} goes with --module; without it the instance file says everything.`);
    const place = instanceOf(options, env);
    const { instance } = place;
    const chosen = options.token === undefined && isUri(selector) ? tokenOfObject(instance, selector) : namedToken(instance, options.token);
    return { ...place, from: 'instance file', instance: chosen };
  }
  const pinFile = options.pinFile ?? byUri.pinFile;
  return {
    directories: directoriesOf(options, env),
    from: 'flags',
    instance: instanceByFlags({
      user: options.user,
      module,
      environment: moduleEnv ?? {},
      parameters: moduleParameters,
      ...(isUri(options.token) ? {} : { label: options.token ?? '' }),
      ...(byUri.uri === undefined ? {} : { uri: byUri.uri }),
      ...(pinFile === undefined ? {} : { pinFile }),
    }),
  };
}

/** Whether the instance's file names a token by this very URI: it then says everything, the URI's own `module-path` too. */
function isConfigured(uri: string, options: TokenOptions, env: Surroundings['env']): boolean {
  return (
    existsSync(instanceFile(directoriesOf(options, env), options.instance)) &&
    tokensOf(instanceOf(options, env).instance).some(({ selector }) => selector.by === 'uri' && selector.uri === uri)
  );
}

/** Without --token the only token of the module is meant. */
export async function withLabel(options: TokenOptions, place: TokenPlace): Promise<TokenPlace> {
  const { selector, module } = tokenOf(place.instance);
  if (selector.by !== 'label' || selector.label !== '') return place;
  const tokens = (await askService(place, 'list tokens', undefined)).filter(({ initialized }) => initialized);
  const [only, another] = tokens;
  if (only === undefined)
    throw new HsmongerError(
      'TOKEN_NOT_FOUND',
      `${module} shows no initialised token to user '${options.user}'; check the device and the variables the module needs (--module-env).`,
    );
  if (another !== undefined)
    throw new HsmongerError(
      'USAGE',
      `${module} has ${String(tokens.length)} tokens; name one with --token: ${tokens.map(({ label }) => `'${label}'`).join(', ')}.`,
    );
  return { ...place, instance: { ...place.instance, token: { ...tokenOf(place.instance), selector: { by: 'label', label: only.label } } } };
}
