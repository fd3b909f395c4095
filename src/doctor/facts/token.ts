import type { TokenCertificate, TokenDescription, TokenKey } from '../../pkcs11/token.js';
import type { PinFileFacts, PinReader } from '../../pkcs11/pin/pin-source.js';
import type { DaemonFacts } from '../../tracking/facts.js';
import type { Fact } from '../facts.js';
import type { Sound, Trouble } from './sound.js';

/** Module, token and PIN, layer by layer, as the service user finds them. */
export interface TokenSight {
  /** The library can be trusted, loads and initialises. */
  readonly module: Sound;
  /** All tokens it shows, initialised or not. */
  readonly tokens: readonly TokenDescription[];
  /** The one the instance file names, without a login. */
  readonly token: PresentToken | Trouble;
  /** The PIN's source; the PIN was not tried for it. */
  readonly pin: Sound;
  /** Where the source is a file that is there: its own facts, as root sees them. */
  readonly pinFile?: PinFileFacts;
  /** The service user. */
  readonly reader: PinReader;
  /** Only where a login was asked for and the token is there. */
  readonly login?: LoggedIn | Trouble;
  /** What certmonger's own children see of the module. */
  readonly daemon: Fact<Pick<DaemonFacts, 'home' | 'tokens'>>;
}

interface PresentToken {
  readonly ok: true;
  readonly description: TokenDescription;
  readonly certificates: readonly TokenCertificate[];
  /** CKM_ names. */
  readonly mechanisms: readonly string[];
}

interface LoggedIn {
  readonly ok: true;
  readonly keys: readonly TokenKey[];
  readonly proofs: readonly KeyProof[];
}

/** One signature with one key. */
export interface KeyProof {
  readonly key: TokenKey;
  readonly ok: boolean;
  readonly latencyMs?: number;
  readonly problem?: string;
}
