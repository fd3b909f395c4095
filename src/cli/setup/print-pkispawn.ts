import { HsmongerError } from '../../errors.js';
import { moduleName } from '../../nss/modules.js';
import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { directoriesOf } from '../global-options.js';
import { provisionalInstance } from '../provisional-instance.js';
import { moduleCandidates } from './candidates.js';
import type { SetupOptions } from './options.js';
import { questionsFor } from './questions.js';

/** What pkispawn, or ipa-server-install --pki-config-override, is to be given for a first installation on the token; the module is asked whether the token is there, and nothing logs in. */
export async function printPkispawn(options: SetupOptions, { io, env }: Surroundings): Promise<number> {
  const questions = questionsFor(io, true);
  const module = await questions.value({ flag: 'module', question: '', given: options.module, candidates: moduleCandidates() });
  const place = { directories: directoriesOf(options, env), instance: provisionalInstance({ instance: options.instance, user: options.user ?? 'pkiuser', module, environment: options.moduleEnv ?? {}, parameters: options.moduleParameters }) };
  const labels = (await askService(place, 'list tokens', undefined)).filter(({ initialized }) => initialized).map(({ label }) => label);
  const token = await questions.value({ flag: 'token', question: '', given: options.token, candidates: labels });
  const same = labels.filter((label) => label === token).length;
  if (same === 0) throw new HsmongerError('TOKEN_NOT_FOUND', `There is no token '${token}' in ${module}; it shows ${labels.map((label) => `'${label}'`).join(', ') || 'no initialised token'}.`);
  if (same > 1) throw new HsmongerError('TOKEN_AMBIGUOUS', `${module} has ${String(same)} tokens with the label '${token}', and an installation fails on that: remove or relabel all but one.`);
  io.out(overrideText({ module, token }));
  io.err('hsmonger: put the PIN in place of PIN_OF_THE_TOKEN in a file only root can read (umask 077), and shred it after the installation. A first installation wants an empty token.\n');
  return 0;
}

/** As on FreeIPA's page on HSMs. `%` begins a reference for Python's configparser, which reads it. */
export function overrideText({ module, token }: { readonly module: string; readonly token: string }): string {
  const value = (text: string) => text.replaceAll('%', '%%');
  return ['[DEFAULT]', 'pki_hsm_enable=True', `pki_hsm_libfile=${value(module)}`, `pki_hsm_modulename=${value(moduleName(module))}`, `pki_token_name=${value(token)}`, 'pki_token_password=PIN_OF_THE_TOKEN', 'pki_sslserver_token=internal', ''].join('\n');
}
