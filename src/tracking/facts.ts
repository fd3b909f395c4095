import type { KnownCa } from '../../dbus/known-ca.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import type { Instance } from '../config/instance.js';
import type { TokenCertificate, TokenDescription, TokenKey } from '../pkcs11/token.js';
import type { CertmongerConf } from './certmonger-conf.js';

/** What is on the token, seen as the service user after a login. */
export interface TokenFacts {
  readonly description: TokenDescription;
  readonly certificates: readonly TokenCertificate[];
  readonly keys: readonly TokenKey[];
  /** CKM_ names. */
  readonly mechanisms: readonly string[];
}

/** The NSS database, seen as the service user. */
export interface NssFacts {
  readonly format: 'sql' | 'dbm' | 'none';
  /** Names of what the service user cannot read and write; '.' is the directory. */
  readonly unwritable: readonly string[];
  /** Whether modutil lists the instance's module; true where it has none. */
  readonly registered: boolean;
  /** Labels of the tokens NSS sees in that module. */
  readonly tokens: readonly string[];
  /** What NSS calls its internal database now: FIPS mode changes it. */
  readonly internalName: string;
  /** Looked at only where a certificate of the instance lies in it, and the database is there. */
  readonly internal?: InternalFacts;
}

/** NSS's internal database as the token it is, seen as the service user after a login. */
export interface InternalFacts extends Pick<TokenFacts, 'certificates' | 'keys'> {
  readonly description: Pick<TokenDescription, 'loginRequired'>;
  /** Why its keys could not be seen, as a sentence; `keys` is empty then. */
  readonly locked?: string;
}

/** A certificate kept in files, as root reads it. Of the key only the public value. */
export interface FileFacts {
  readonly nickname: string;
  readonly certificate: { readonly der: Uint8Array } | { readonly failure: string };
  readonly key: { readonly spki: Uint8Array } | { readonly failure: string };
  /** The user or group of the wanted owner this machine does not have: "user 'x'". */
  readonly stranger?: string;
}

/** All places where certificates of the instance lie; `token` only where one lies there. */
export interface StoreFacts {
  readonly token?: TokenFacts;
  readonly nss: NssFacts;
  readonly files: readonly FileFacts[];
}

/** What certmonger's own children see. */
export interface DaemonFacts {
  readonly home: string;
  /** Its own word, '0.79.17'; absent where it did not say. */
  readonly version?: string;
  /** The file certmonger.conf is read from. */
  readonly confFile: string;
  readonly conf: CertmongerConf;
  /**
   * In a child with the daemon's environment, as the daemon and, because it saves as nss-user, as the service user; none where the instance
   * has no module.
   */
  readonly tokens: { readonly asDaemon: TokenView; readonly asNssUser: TokenView };
}

/** Labels of the module's tokens as one process sees them. */
export type TokenView = { readonly labels: readonly string[] } | { readonly failure: string };

/** What happened when the registered helper's program was asked to IDENTIFY itself in the daemon's environment. */
export type HelperFacts = { readonly answers: true } | { readonly answers: false; readonly failure: string };

/** Everything pre-flight decides on. */
export interface TrackingFacts extends StoreFacts {
  readonly instance: Instance;
  readonly daemon: DaemonFacts;
  readonly helper: HelperFacts;
  /** The command the CA must be registered with. */
  readonly submitCommand: string;
  readonly cas: readonly KnownCa[];
  readonly requests: readonly TrackingRequest[];
}
