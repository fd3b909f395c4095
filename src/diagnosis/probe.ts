/** What was found when the things a renewal needs were looked at. */
export interface Probe {
  readonly at: Date;
  /** Absent where the instance has none. */
  readonly token?: TokenProbe;
  /** Absent where no certificate of the instance lies there. */
  readonly nss?: NssProbe;
  /**
   * Whether the helper's program can be executed. A whole look runs it in certmonger's environment; any other tells it only where it
   * plainly cannot.
   */
  readonly helper?: Verdict;
  /** Absent where none is configured. */
  readonly directory?: Verdict;
  /** A CA behind the network answers TLS; absent where there is none. */
  readonly ca?: Verdict;
  /** Of the file systems of state, NSS database and certmonger's requests. */
  readonly disk?: Verdict;
}

/** `problem`: a whole sentence with what to do. */
export type Verdict = { readonly ok: true } | { readonly ok: false; readonly code?: string; readonly problem: string };

export type TokenProbe =
  /** The module does not load, or there is no such token in it, or two. */
  | { readonly state: 'away'; readonly code: string; readonly problem: string }
  | {
      readonly state: 'present';
      /** From the token's flags; 'fine' also where it keeps none. */
      readonly pin: 'fine' | 'count-low' | 'final-try' | 'locked';
      readonly login: LoginProbe;
      /**
       * By nickname: each certificate of the instance whose key is, or should be, on the token, and the issuing CA's; empty where nobody
       * could log in.
       */
      readonly keys: Readonly<Record<string, KeyProbe>>;
    };

export type LoginProbe =
  /** With the PIN that is in its source now, by this very source (PinSourceIdentity). */
  | { readonly state: 'proven'; readonly source: string }
  /** By the token, or known bad from before: not tried again (design rule 4). `code` is a PIN_ error code. */
  | { readonly state: 'refused'; readonly source?: string; readonly code: string; readonly problem: string }
  /** There is no PIN to try: the file is missing, moved aside, locked away (`hsmonger lock`), or unsafe. */
  | { readonly state: 'no PIN'; readonly code: string; readonly problem: string }
  /** The HSM did not say. */
  | { readonly state: 'unanswered'; readonly code: string; readonly problem: string };

/** Found by its certificate's public key; `latencyMs`: of the last signature with it that was verified, absent where there was none. */
export type KeyProbe =
  { readonly ok: true; readonly latencyMs?: number } | { readonly ok: false; readonly code: string; readonly problem: string };

export interface NssProbe {
  /** What the service user cannot read and write there. */
  readonly unwritable: readonly string[];
}
