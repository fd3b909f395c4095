/** What an instance file says, checked and with its defaults filled in (schema.ts). */

/** One file of `<config>/<name>.toml` = one certmonger CA nickname. */
export interface Instance {
  readonly name: string;
  /** Where it was read from. */
  readonly file: string;
  /** The service user: token, NSS database, ledger and journal are touched by this user alone. */
  readonly user: string;
  /** How the helper becomes that user. */
  readonly drop: 'setuid' | 'runuser';
  readonly token: TokenConfig;
  readonly nss: NssConfig;
  readonly issuer: IssuerConfig;
  readonly saving: SavingConfig;
  readonly helper: HelperConfig;
  readonly certificates: readonly CertificateConfig[];
}

/** Which token: exactly one way of naming it. */
export type TokenSelector =
  | { readonly by: 'label'; readonly label: string }
  | { readonly by: 'slot'; readonly slotId: number }
  | { readonly by: 'slot-index'; readonly index: number }
  | { readonly by: 'uri'; readonly uri: string };

/** Where the PIN comes from: exactly one source. Tracking needs `file`: certmonger can use nothing else. */
export type PinSource =
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'environment'; readonly variable: string }
  | { readonly from: 'credential'; readonly name: string };

export interface TokenConfig {
  readonly selector: TokenSelector;
  /** Absolute path of the PKCS#11 module. */
  readonly module: string;
  /** Library parameters for C_Initialize (NSS softokn wants some). */
  readonly parameters?: string;
  /** Set in every process of ours before the module is loaded; certmonger's own children never see it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly pin: PinSource;
}

export interface NssConfig {
  /** Absolute directory, no `sql:` prefix. */
  readonly database: string;
  /** File with the internal database's own password, where it has one. */
  readonly passwordFile?: string;
}

export interface IssuerConfig {
  readonly type: 'token' | 'dogtag' | 'directory' | 'external';
  /** Nickname of the issuing CA's certificate (on the token). */
  readonly certificate: string;
  /** Days by profile name, over the profile's own. */
  readonly lifetimeDays: Readonly<Record<string, number>>;
  /** How far notBefore lies in the past, seconds: for relying parties whose clock is behind. */
  readonly backdateSeconds: number;
  readonly digest: 'sha256' | 'sha384' | 'sha512';
}

export interface SavingConfig {
  /** A systemd unit restarted once after a renewed certificate is in place. */
  readonly restart?: string;
  /** A systemd unit pre-save stops; a guard starts it again after `guardMinutes` whatever happens (design rule 7). */
  readonly stop?: string;
  readonly guardMinutes: number;
}

export interface HelperConfig {
  /** The helper answers, or gives up with exit 5, within this many seconds. */
  readonly deadlineSeconds: number;
}

export interface CertificateConfig {
  readonly nickname: string;
  readonly profile: string;
}

/** Where configuration and state lie; both overridable and then carried in the helper's command line. */
export interface Directories {
  readonly config: string;
  readonly state: string;
}
