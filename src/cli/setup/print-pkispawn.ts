import type { InstanceSite } from '../../config/instance.js';
import { isUri } from '../../config/pkcs11-uri.js';
import { HsmongerError } from '../../errors.js';
import { moduleName } from '../../nss/modules.js';
import type { CensusSight } from '../../pkcs11/objects/census.js';
import { askService } from '../../service/ask.js';
import { emptySlotRefusals } from '../../tracking/empty-slot.js';
import type { Surroundings } from '../command.js';
import { directoriesOf } from '../global-options.js';
import { labelByUri, moduleAndPin } from '../token/label-by-uri.js';
import { instanceByFlags } from '../provisional-instance.js';
import { refusalText } from '../track/report.js';
import { moduleCandidates } from './candidates.js';
import type { SetupOptions } from './options.js';
import { questionsFor } from './questions.js';

/**
 * What pkispawn, or ipa-server-install --pki-config-override, is to be given for a first installation on the token; 3 where the slot is not
 * empty, with what is in the way on stderr. Logs in only where a PIN is given, to see what is private too.
 */
export async function printPkispawn(options: SetupOptions, { io, env }: Surroundings): Promise<number> {
  const questions = questionsFor(io, true);
  const said = moduleAndPin(options);
  const module = await questions.value({ flag: 'module', question: '', given: said.module, candidates: moduleCandidates() });
  const directories = directoriesOf(options, env);
  const given = {
    user: options.user ?? 'pkiuser',
    module,
    environment: options.moduleEnv ?? {},
    parameters: options.moduleParameters,
    ...(said.pinFile === undefined ? {} : { pinFile: said.pinFile }),
  };
  const place = { directories, instance: instanceByFlags(given) };
  const asked = isUri(options.token) ? await labelByUri(place, options.token) : options.token;
  const labels = (await askService(place, 'list tokens', undefined)).filter(({ initialized }) => initialized).map(({ label }) => label);
  const token = await questions.value({ flag: 'token', question: '', given: asked, candidates: labels });
  const same = labels.filter((label) => label === token).length;
  if (same === 0)
    throw new HsmongerError(
      'TOKEN_NOT_FOUND',
      `There is no token '${token}' in ${module}; it shows ${labels.map((label) => `'${label}'`).join(', ') || 'no initialised token'}.`,
    );
  if (same > 1)
    throw new HsmongerError(
      'TOKEN_AMBIGUOUS',
      `${module} has ${String(same)} tokens with the label '${token}', and an installation fails on that: remove or relabel all but one.`,
    );
  io.out(overrideText({ module, token }));
  io.err(
    'hsmonger: put the PIN in place of PIN_OF_THE_TOKEN in a file only root can read (umask 077), and shred it after the installation.\n',
  );
  // What is private is seen with a PIN only.
  const sight = said.pinFile === undefined && env['HSMONGER_PIN'] === undefined ? 'public' : 'everything';
  return tellWhatIsThere({ directories, instance: instanceByFlags({ ...given, label: token }) }, sight, module, io);
}

async function tellWhatIsThere(place: InstanceSite, sight: CensusSight, module: string, io: Surroundings['io']): Promise<number> {
  const refusals = emptySlotRefusals({ module, ...(await askService(place, 'count objects', { sight, force: false })) });
  if (sight === 'public') io.err('hsmonger: nobody logged in, so private objects were not looked for; with --pin-file they are.\n');
  if (refusals.length === 0) return 0;
  io.err(
    `hsmonger: A first installation wants an empty slot (Red Hat Certificate System), and this one is not fit for it.\n${refusalText(refusals)}`,
  );
  return 3;
}

/** As on FreeIPA's page on HSMs. `%` begins a reference for Python's configparser, which reads it. */
export function overrideText({ module, token }: { readonly module: string; readonly token: string }): string {
  const value = (text: string) => text.replaceAll('%', '%%');
  return [
    '[DEFAULT]',
    'pki_hsm_enable=True',
    `pki_hsm_libfile=${value(module)}`,
    `pki_hsm_modulename=${value(moduleName(module))}`,
    `pki_token_name=${value(token)}`,
    'pki_token_password=PIN_OF_THE_TOKEN',
    'pki_sslserver_token=internal',
    '',
  ].join('\n');
}
