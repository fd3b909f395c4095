import type { ListedCertificate } from '../../nss/certificates.js';
import type { TokenCertificate, TokenKey } from '../../pkcs11/token.js';
import type { PinFileFacts } from '../../pkcs11/pin/pin-source.js';
import type { Trouble } from './sound.js';

/** The NSS database as the service user finds it. */
export interface NssSight {
  readonly format: 'sql' | 'dbm' | 'none';
  /** Names of what the service user cannot read and write; '.' is the directory. */
  readonly unwritable: readonly string[];
  /** Names of what belongs to another user. */
  readonly foreign: readonly string[];
  /** The service user. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** What NSS's tools see in it; absent where it is no sql database. */
  readonly contents?: NssContents | Trouble;
}

export interface NssContents {
  readonly ok: true;
  /** Whether it lists the instance's module; true where there is none. */
  readonly registered: boolean;
  /** Labels of the tokens NSS sees in that module. */
  readonly tokens: readonly string[];
  /** The internal database's certificates with their trust. */
  readonly internal: readonly ListedCertificate[];
  /** The token's, as NSS sees them: only where a login was asked for. */
  readonly onToken?: { readonly ok: true; readonly listed: readonly ListedCertificate[] } | Trouble;
}

/** What lies in the NSS database itself. */
export interface InternalSight {
  readonly description: { readonly loginRequired: boolean };
  readonly certificates: readonly TokenCertificate[];
  /** Empty unless they were asked for and could be seen. */
  readonly keys: readonly TokenKey[];
  /** Why its keys could not be seen, though they were asked for. */
  readonly locked?: string;
  /** Whether the keys were asked for. */
  readonly asked: boolean;
  /** The file of its password, where one is configured and there, as root sees it. */
  readonly passwordFile?: PinFileFacts;
}
