import { existsSync } from 'node:fs';
import type { Directories, InstanceSite } from '../../config/instance.js';
import { instanceFile, loadInstance } from '../../config/load.js';
import { isUri } from '../../config/pkcs11-uri.js';
import { tokenOf } from '../../config/token-of.js';
import { chosenToken } from '../../config/token-views.js';
import { HsmongerError } from '../../errors.js';
import { askService } from '../../service/ask.js';
import type { TokenFlags } from '../flags.js';
import { instanceByFlags } from '../provisional-instance.js';
import { namedToken } from './named-token.js';
import { namesNoToken, tokenByUri } from './token-uri.js';

/** How a command that writes an instance file is told which token. */
interface NewTokenFlags extends TokenFlags {
  readonly instance: string;
}

/** What takes the place of flags that are not given. */
interface Otherwise {
  readonly user: string;
  readonly token: {
    readonly module: string;
    readonly environment: Readonly<Record<string, string>>;
    readonly parameters?: string | undefined;
  };
}

/**
 * The flags with a label where --token is a URI (RFC 7512): the one of the token all of it fits, which is looked for. The URI's own module
 * and PIN file stand where the flags are not given. Needs no login.
 */
export async function flagsByLabel<T extends NewTokenFlags>(options: T, directories: Directories, otherwise?: Otherwise): Promise<T> {
  const { token } = options;
  if (!isUri(token)) return options;
  if (existsSync(instanceFile(directories, options.instance))) return fitted(options, directories);
  const byUri = moduleAndPin(options);
  const module = byUri.module ?? otherwise?.token.module;
  if (module === undefined)
    throw new HsmongerError('USAGE', `'${token}' does not say by which PKCS#11 module (module-path); name it with --module.`);
  const like = module === otherwise?.token.module ? otherwise.token : undefined;
  const instance = instanceByFlags({
    user: options.user ?? otherwise?.user ?? 'pkiuser',
    module,
    environment: options.moduleEnv ?? like?.environment ?? {},
    parameters: options.moduleParameters ?? like?.parameters,
  });
  return { ...options, ...byUri, token: await labelByUri({ instance, directories }, token) };
}

/** An instance file says which token it is; what the URI says is held against the one that is there, and leaves nothing to differ in. */
export async function fitted<T extends NewTokenFlags>(options: T, directories: Directories): Promise<T> {
  if (!isUri(options.token)) return options;
  const own = chosenToken(loadInstance(directories, options.instance), undefined);
  await askService({ directories, instance: namedToken(own, options.token) }, 'inspect token', { keys: false });
  return { ...options, token: undefined };
}

/** The module and the PIN file: the flags', else those of the URI that --token is. */
export function moduleAndPin({ token, module, pinFile }: Pick<TokenFlags, 'token' | 'module' | 'pinFile'>): {
  readonly module: string | undefined;
  readonly pinFile: string | undefined;
} {
  const byUri = isUri(token) ? tokenByUri(token) : {};
  return { module: module ?? byUri.module, pinFile: pinFile ?? byUri.pinFile };
}

/**
 * The label of the token of the site's module that all of the URI fits; TOKEN_NOT_FOUND where there is none, TOKEN_AMBIGUOUS where there
 * are several, or the label is another token's too: certmonger knows tokens by their label alone.
 */
export async function labelByUri({ instance, directories }: InstanceSite, text: string): Promise<string> {
  const { uri } = tokenByUri(text);
  if (uri === undefined) throw namesNoToken(text);
  const token = tokenOf(instance);
  const place = { directories, instance: { ...instance, token: { ...token, selector: { by: 'uri', uri } as const } } };
  const {
    description: { label },
  } = await askService(place, 'inspect token', { keys: false });
  const same = (await askService(place, 'list tokens', undefined)).filter((one) => one.initialized && one.label === label);
  if (same.length > 1)
    throw new HsmongerError(
      'TOKEN_AMBIGUOUS',
      `${token.module} has ${String(same.length)} tokens with the label '${label}', and certmonger knows tokens by their label alone, whatever a URI says: remove or relabel all but one.`,
    );
  return label;
}
