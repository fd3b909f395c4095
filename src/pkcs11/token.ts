import type { CensusSight, CountedObject } from './objects/census.js';
import type { PinSource, TokenConfig } from '../config/instance.js';
import type { SignatureAlgorithm } from '../config/signature-algorithm.js';
import type { KeyPairOrder } from './objects/key-pair.js';
import type { IdMove } from './objects/move-id.js';
import type { CertificatePlace } from './objects/store-certificate.js';

/** CK_TOKEN_INFO as far as we look at it, padding removed. */
export interface TokenDescription {
  /** CK_SLOT_ID as a number. */
  readonly slotId: number;
  readonly label: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly serial: string;
  readonly loginRequired: boolean;
  readonly initialized: boolean;
  readonly writeProtected: boolean;
  readonly pin: 'fine' | 'count-low' | 'final-try' | 'locked';
}

/** One of all the module shows, by its place among the slots, from 0. */
export interface ListedToken extends TokenDescription {
  readonly index: number;
}

/** Which private key: the sole ways a certificate's key is found. Never by label where a certificate is at hand: certmonger empties it. */
export type KeySelector =
  | {
      readonly by: 'public-key';
      /** DER SubjectPublicKeyInfo; CKA_ID only speeds the search up. */ readonly spki: Uint8Array;
      readonly id?: Uint8Array;
    }
  | { readonly by: 'id'; readonly id: Uint8Array }
  | { readonly by: 'label'; readonly label: string }
  | { readonly by: 'uri'; readonly uri: string }
  /** As a person says it: label, CKA_ID in hexadecimal where no key has that label, or URI. */
  | { readonly by: 'name'; readonly name: string };

export type KeyType = 'RSA' | 'EC' | 'Ed25519' | 'other';

/** A private key object on the token; its handle stays inside the session that found it. */
export interface TokenKey {
  /** CKA_ID. */
  readonly id: Uint8Array;
  readonly label: string;
  readonly type: KeyType;
  /** Bits. */
  readonly size: number;
  /** DER SubjectPublicKeyInfo, when the token gives the public value away (RSA always does). */
  readonly spki?: Uint8Array;
  readonly sensitive: boolean;
  readonly extractable: boolean;
  readonly canSign: boolean;
  /** Only where it was asked for. */
  readonly protection?: KeyProtection;
}

/** What the token says of who may see a private key and its value (PKCS#11 2.40 §4.9); undefined where it does not say. */
export interface KeyProtection {
  /** CKA_PRIVATE: nobody sees the object without a login. */
  readonly private: boolean | undefined;
  readonly alwaysSensitive: boolean | undefined;
  readonly neverExtractable: boolean | undefined;
}

/** A public key object on the token. */
export type TokenPublicKey = Pick<TokenKey, 'id' | 'label' | 'type' | 'size' | 'spki'>;

/** A certificate object on the token. */
export interface TokenCertificate {
  /** CKA_ID. */
  readonly id: Uint8Array;
  /** CKA_LABEL = NSS nickname; empty when the object has none. */
  readonly label: string;
  readonly der: Uint8Array;
}

/**
 * One open session on one token. All calls of a session run one after another (one operation per session, PKCS#11 2.40 §5.2);
 * failures are HsmongerError with one of the TOKEN_, SESSION_, PIN_, KEY_ or MECHANISM_ codes.
 */
export interface Token {
  readonly description: TokenDescription;
  /**
   * Certificate objects (no login needed): those with exactly this label, or whose CKA_SUBJECT or CKA_ISSUER is this DER Name octet for
   * octet; all of them where none is said, which a token may have ten thousand of.
   */
  certificates(wanted?: string | { readonly subject: Uint8Array } | { readonly issuer: Uint8Array }): Promise<TokenCertificate[]>;
  /** Logs in, by the rules of pin-guard.ts, unless this session is logged in already. */
  login(): Promise<void>;
  /** Private keys. Logs in. How each is protected is three questions more for the token, asked on demand. */
  keys(more?: 'protection'): Promise<TokenKey[]>;
  /** Public key objects. Logs in, as some are hidden otherwise. */
  publicKeys(): Promise<TokenPublicKey[]>;
  /** What is stored there, of whatever kind. 'everything' logs in: private objects are seen after that only. */
  census(sight: CensusSight): Promise<CountedObject[]>;
  /** Exactly one private key: KEY_NOT_FOUND or KEY_AMBIGUOUS otherwise. Logs in. */
  findKey(selector: KeySelector): Promise<TokenKey>;
  /**
   * Signs `data` (not a digest) and gives the signature as a certificate holds it: ECDSA's as Ecdsa-Sig-Value (RFC 3279 §2.2.3). Falls back
   * to raw RSA or ECDSA over a digest of ours where the token lacks the mechanism (design rule 10). `madeBy` is told the CKM_ name of the
   * one that was used.
   */
  sign(key: TokenKey, algorithm: SignatureAlgorithm, data: Uint8Array, madeBy?: (mechanism: string) => void): Promise<Uint8Array>;
  /**
   * Asks token and session anew: the description with the flags as they are now. TOKEN_NOT_FOUND where another token is in the slot,
   * SESSION_LOST where the login has ended.
   */
  pulse(): Promise<TokenDescription>;
  /**
   * Whether the key found through this session is still there, by the cheapest question about it; SESSION_LOST and others where it is not.
   */
  confirm(key: TokenKey): Promise<void>;
  /**
   * Gives the token the PIN in `next` instead of the one it was opened with. `mayGoOn` is asked when nobody else logs in any more.
   * PIN_NOT_CHANGED where the old PIN is in force for certain; after any other failure either may be. Wants a session for writing. Logs in.
   */
  changePin(next: PinSource, mayGoOn: () => void): Promise<void>;
  /** Names of the mechanisms the token lists, CKM_… or 0x… */
  mechanisms(): Promise<string[]>;
  /**
   * Makes a key pair that cannot leave the token, proven by what the token says of it afterwards; its CKA_ID is the one NSS computes where
   * the token lets it be set (compare with nssKeyId). OBJECT_EXISTS, LABEL_INVALID, MECHANISM_UNSUPPORTED or KEY_UNUSABLE otherwise. Wants
   * a session for writing. Logs in.
   */
  generateKeyPair(order: KeyPairOrder): Promise<TokenKey>;
  /**
   * Stores a certificate (DER) as a new object beside all others. OBJECT_EXISTS, LABEL_INVALID or CERTIFICATE_INVALID otherwise. Wants a
   * session for writing. Logs in.
   */
  storeCertificate(der: Uint8Array, place: CertificatePlace): Promise<'stored' | 'there already'>;
  /**
   * Gives a key pair and its certificates another CKA_ID; see move-id.ts. `begin` is called before the first change, once nothing stands in
   * the way. OBJECT_EXISTS, KEY_NOT_FOUND or KEY_AMBIGUOUS otherwise. Wants a session for writing. Logs in.
   */
  moveId(move: IdMove, begin: () => void): Promise<'moved' | 'nothing to do' | 'refused'>;
  /**
   * Removes certificate objects whose value is exactly `der`: the only thing our code ever destroys on a token. Logs in. Returns how many.
   */
  destroyCertificates(der: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

export interface OpenTokenOptions {
  readonly pins: PinGuard;
  /** Sessions are read-only unless something on the token is to be changed. */
  readonly access?: 'read' | 'write';
  /** Allows the last PIN attempt before the token locks. Default false. */
  readonly force?: boolean;
  /** Somebody who knows says that the token's PIN has become this one since it was refused. Default false. */
  readonly anew?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Identity of a PIN source: what changes when somebody replaces the PIN; never derived from the PIN without a random key. */
export type PinSourceIdentity = string;

/** What is known about a PIN source's last failure. */
export interface PinFailure {
  readonly source: PinSourceIdentity;
  readonly at: Date;
  /** 'failed': the token refused it. 'unknown': a process died between asking and writing the answer down. */
  readonly outcome: 'failed' | 'unknown';
  /** How often this source was tried without a success. */
  readonly attempts: number;
}

/**
 * Remembers failed logins across processes and lets one process log in at a time (design rule 4). Implemented over the ledger
 * (src/ledger); tests may use one in memory.
 */
export interface PinGuard {
  /** Runs `attempt` while no other process of ours logs in to the token with this key (module path + token serial + label). */
  exclusively<T>(token: string, attempt: (memory: PinMemory) => Promise<T>): Promise<T>;
  /** A tag of `secret` under a random key kept with the memory, for PIN sources that have no file identity (environment). */
  tag(secret: Uint8Array): string;
}

/** What is remembered of logins to one token; every change is durable when the call returns. */
export interface PinMemory {
  failureOf(source: PinSourceIdentity): PinFailure | undefined;
  /** Written before the attempt, as 'unknown' unless the source has failed already. */
  trying(source: PinSourceIdentity): void;
  failed(source: PinSourceIdentity): void;
  /** Forgets the source's failures. */
  succeeded(source: PinSourceIdentity): void;
  /** Takes trying() back: the token never judged the PIN (it was unplugged, …). */
  notJudged(source: PinSourceIdentity): void;
}

/** Loads the module, finds the one token, opens a session. Does not log in. */
export type OpenToken = (config: TokenConfig, options: OpenTokenOptions) => Promise<Token>;
