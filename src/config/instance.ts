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
  /**
   * Absent on a host without an HSM: the issuer is another and no certificate lies on a token (schema.ts). Code that needs it asks
   * tokenOf().
   */
  readonly token?: TokenConfig;
  /**
   * Further tokens that certificates of this instance lie on, by the name the file gives each; absent where there are none. The CA's key is
   * never there.
   */
  readonly otherTokens?: Readonly<Record<string, TokenConfig>>;
  /** Only in a view of one of these (token-views.ts), and its name: `token` is that one then, and the CA's key is not on it. */
  readonly partOn?: string;
  readonly nss: NssConfig;
  readonly issuer: IssuerConfig;
  /** What a CA on the token asks of requests and writes into certificates; absent where the file has no [ca] (see caConfig()). */
  readonly ca?: CaConfig;
  /** The LDAP directory the servers of one CA share; absent on a host that stands alone. */
  readonly directory?: DirectoryConfig;
  /** What only a FreeIPA server has; absent elsewhere. */
  readonly freeipa?: FreeIpaConfig;
  /** The Dogtag server on this host whose files and unit post-save looks after; absent where there is none. */
  readonly pki?: PkiConfig;
  readonly saving: SavingConfig;
  readonly helper: HelperConfig;
  /** How the agent looks after this instance. */
  readonly agent: InstanceAgentConfig;
  readonly certificates: readonly CertificateConfig[];
}

/** Which token: exactly one way of naming it. */
export type TokenSelector =
  | { readonly by: 'label'; readonly label: string }
  | { readonly by: 'slot'; readonly slotId: number }
  | { readonly by: 'slot-index'; readonly index: number }
  | { readonly by: 'uri'; readonly uri: string };

/** Where the PIN comes from: exactly one source. Tracking needs `file` or `unlocked`: certmonger reads a PIN from a file alone. */
export type PinSource =
  { readonly from: 'file'; readonly path: string } | { readonly from: 'environment'; readonly variable: string } | UnlockedPin;

/** A file in memory that is there only while unlocked: `hsmonger unlock`, or the agent with a systemd credential, puts it there. */
export interface UnlockedPin {
  readonly from: 'unlocked';
  readonly path: string;
  /** Whose `hsmonger unlock` it waits for. */
  readonly instance: string;
  /** The NAME of the [tokens.NAME] it is for; absent for the instance's own token. */
  readonly on?: string;
  /** The name of the systemd credential the agent takes it from. */
  readonly credential?: string;
}

export interface TokenConfig {
  readonly selector: TokenSelector;
  /** Absolute path of the PKCS#11 module. */
  readonly module: string;
  /** Library parameters for C_Initialize (NSS softokn wants some). */
  readonly parameters?: string;
  /** Set in every process of ours before the module is loaded; certmonger's own children never see it. */
  readonly environment: Readonly<Record<string, string>>;
  /** How many sessions work that comes in numbers may have open at a time. Default 4. */
  readonly maxSessions?: number;
  readonly pin: PinSource;
  /**
   * A name nothing else has, of a look at a copy of the token: the copy says of itself what the original says, and may have an earlier PIN,
   * so that its logins are remembered apart. In no instance file.
   */
  readonly asCopy?: string;
}

export interface NssConfig {
  /** Absolute directory, no `sql:` prefix. */
  readonly database: string;
  /** File with the internal database's own password, where it has one. */
  readonly passwordFile?: string;
}

/** Who signs. `certificate` is the nickname of the issuing CA's certificate. */
export type IssuerConfig = TokenIssuerConfig | DogtagIssuerConfig | DirectoryIssuerConfig | ExternalIssuerConfig;

/** The CA's key on the instance's own token. */
export interface TokenIssuerConfig {
  readonly type: 'token';
  readonly certificate: string;
  /** The host that owns ledger and CRL, where several use this CA; see ledgerOwner(). */
  readonly owner?: string;
  /** Days by profile name, over the profile's own. */
  readonly lifetimeDays: Readonly<Record<string, number>>;
  /** How far notBefore lies in the past, seconds: for relying parties whose clock is behind. */
  readonly backdateSeconds: number;
  /** What is signed with; where it is not said, what fits the CA's key (x509/signature-algorithm.ts). */
  readonly digest?: Digest;
  /** RSASSA-PKCS1-v1_5 unless 'pss'. */
  readonly rsaSignature?: 'pkcs1' | 'pss';
}

export type Digest = 'sha256' | 'sha384' | 'sha512';

/**
 * What a CA asks of one field of a subject, as openssl-ca(1)'s policy sections do; a field no policy names is left out of the certificate.
 */
export type FieldPolicy = 'match' | 'optional' | 'supplied';

export interface CaConfig {
  /** By the field's name, in openssl's or RFC 4514's spelling; empty: any subject, whole. */
  readonly policy: Readonly<Record<string, FieldPolicy>>;
  readonly crlUrls: readonly string[];
  readonly ocspUrls: readonly string[];
  /** Where the CA's own certificate lies (RFC 5280 §4.2.2.1, caIssuers). */
  readonly issuerUrls: readonly string[];
  /** Dotted: the certificate policies it issues under (RFC 5280 §4.2.1.4). */
  readonly policies: readonly string[];
  /** From thisUpdate to nextUpdate. */
  readonly crlDays: number;
  /** 'key-and-issuer' adds the issuer's name and serial, which a renewed CA certificate no longer has. */
  readonly authorityKeyId: 'key' | 'key-and-issuer';
  /** Netscape's extensions, for software that still asks for them. */
  readonly netscapeCertType: boolean;
  readonly netscapeComment?: string;
}

/** A Dogtag server, over mutual TLS. */
export interface DogtagIssuerConfig {
  readonly type: 'dogtag';
  readonly certificate: string;
  /** Origin, https. */
  readonly url: string;
  /** PEM: what the server's certificate must chain to. */
  readonly caFile: string;
  /**
   * PEM files of an agent's certificate and key, which only root may be able to read; without one, requests wait for an agent of their own.
   */
  readonly agent?: { readonly certificate: string; readonly key: string };
}

/** Another server renews and publishes in the directory; this one only takes. */
export interface DirectoryIssuerConfig {
  readonly type: 'directory';
  readonly certificate: string;
}

/** A CA outside: its answer comes by `hsmonger ca import`. */
export interface ExternalIssuerConfig {
  readonly type: 'external';
  readonly certificate: string;
}

export interface DirectoryConfig {
  /** ldapi://%2Fpath, ldaps://host[:port], ldap://host[:port]. */
  readonly uri: string;
  readonly startTls: boolean;
  /** PEM: what the server's certificate must chain to. */
  readonly caFile?: string;
  readonly bind: DirectoryBind;
  /** FreeIPA's $SUFFIX. */
  readonly base: string;
  /** Where Dogtag keeps its users and authorities. */
  readonly pkiBase: string;
  /** This server's name, as it stands below cn=masters. */
  readonly host: string;
}

/** Who we are to the directory; all but `simple` need root, so they happen before the drop. */
export type DirectoryBind =
  /** ldapi alone: the server asks the kernel who we are. */
  | { readonly method: 'external' }
  | { readonly method: 'simple'; readonly dn: string; readonly passwordFile: string }
  /** Through OpenLDAP's tools: ldapts has no GSSAPI. */
  | { readonly method: 'gssapi'; readonly keytab: string; readonly principal?: string };

export interface FreeIpaConfig {
  /** RFC 4514, as FreeIPA's configuration has it: O=EXAMPLE.TEST. */
  readonly subjectBase: string;
  /** /run/ipa/renewal.lock. */
  readonly lockFile: string;
  /** /var/lib/ipa/ca.csr. */
  readonly csrFile: string;
  /** A renewal master that gave no sign for longer is called gone. */
  readonly masterGoneDays: number;
}

export interface PkiConfig {
  /** Holds ca/CS.cfg and, where there is a KRA, kra/CS.cfg. */
  readonly directory: string;
  /** Stopped, changed and always started again, in post-save alone (design rule 7). */
  readonly unit?: string;
  /** PKI before 11.5 keeps a copy of each certificate in CS.cfg. */
  readonly certificatesInConfig: boolean;
}

export interface SavingConfig {
  /** A systemd unit restarted once after a renewed certificate is in place. */
  readonly restart?: string;
  /** A systemd unit pre-save stops; a guard starts it again after `guardMinutes` whatever happens (design rule 7). */
  readonly stop?: string;
  readonly guardMinutes: number;
  /**
   * On a token that several servers share, how long a superseded certificate stays there for those that have not taken the new one. Default
   * 7.
   */
  readonly graceDays?: number;
}

export interface HelperConfig {
  /** The helper answers, or gives up with exit 5, within this many seconds. */
  readonly deadlineSeconds: number;
}

export interface InstanceAgentConfig {
  /** Seconds between two looks at the token and what else renewals need. Default 60. */
  readonly probeSeconds: number;
  /** Minutes between two proving signatures with each watched key; 0 is never, for tokens that count uses. Default 60. */
  readonly signMinutes: number;
  /** Days before certmonger would renew over which renewals are spread; 0 leaves the moment to certmonger. Default 7. */
  readonly spreadDays: number;
  /** Whether what is safe is done when certmonger's requests differ from the instance file, or only told. Default 'apply'. */
  readonly reconcile: 'apply' | 'report';
}

export interface CertificateConfig {
  readonly nickname: string;
  readonly profile: string;
  readonly storage: CertificateStorage;
  /** How long a renewal by a CA on the token lasts, over `lifetimeDays` of the issuer. */
  readonly days?: number;
  /** Dogtag's id of the lightweight CA whose certificate this is. */
  readonly authority?: string;
}

/** What names a certificate and how it is renewed. */
export type NamedProfile = Pick<CertificateConfig, 'nickname' | 'profile'>;

/** Where certificate and key both are. */
export type CertificateStorage =
  /** `on`: one of otherTokens, by its name; the instance's own token otherwise. */
  | { readonly kind: 'token'; readonly on?: string }
  /** The NSS database's own. */
  | { readonly kind: 'internal' }
  /** PEM files; owner `user:group` and mode as certmonger is to keep them. */
  | { readonly kind: 'file'; readonly certificate: string; readonly key: string; readonly owner?: string; readonly mode?: number };

/** Where configuration and state lie; both overridable and then carried in the helper's command line. */
export interface Directories {
  readonly config: string;
  readonly state: string;
}

/** An instance, and where its configuration and state lie: what most work on it is told. */
export interface InstanceSite {
  readonly instance: Instance;
  readonly directories: Directories;
}
