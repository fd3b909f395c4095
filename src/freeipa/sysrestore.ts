import { HsmongerError } from '../errors.js';
import { parseIni } from './ini.js';
import { onServer, readServerText } from './server-file.js';

/** Whether the server's PKI keys are on an HSM, and on which token. */
export type HsmState = { readonly enabled: false } | { readonly enabled: true; readonly token: string };

export const sysrestoreFile = '/var/lib/ipa/sysrestore/sysrestore.state';

/** Reads FreeIPA's note of it (dogtaginstance.py, set_hsm_state): this server's, not in the directory. No file or no note: no HSM. */
export function readHsmState(root: string): HsmState {
  return parseHsmState(readServerText(root, sysrestoreFile) ?? '', onServer(root, sysrestoreFile));
}

/** `file` is for messages. */
export function parseHsmState(text: string, file: string): HsmState {
  const section = parseIni(text).get('pki_hsm');
  // Python's str(bool), or what configparser's getboolean takes.
  if (!/^(true|yes|on|1)$/iu.test(section?.get('enabled') ?? '')) return { enabled: false };
  const token = section?.get('token_name') ?? '';
  if (token === '' || token === 'None')
    throw new HsmongerError(
      'FREEIPA_INVALID',
      `In ${file}: [pki_hsm] is enabled, but 'token_name' does not say on which token; give it there.`,
    );
  return { enabled: true, token };
}
