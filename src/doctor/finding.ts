/** ipa-healthcheck's words and order. */
export type FindingSeverity = 'success' | 'warning' | 'error' | 'critical';

export interface Finding {
  readonly severity: FindingSeverity;
  /** What it is about within the check: a nickname, a file, a request id. Stable. */
  readonly key: string;
  /** What was found, a whole sentence. */
  readonly message: string;
  /** What to do, a whole sentence; absent for a success. */
  readonly fix?: string;
  /** What `doctor --fix` can do by itself. */
  readonly remedy?: Remedy;
}

/** Only what is safe: changes no key, no certificate, no request that is not ours. */
export type Remedy =
  /** What of `track apply` adds or corrects; it replaces, removes and takes over nothing. */
  | { readonly kind: 'reconcile' }
  | { readonly kind: 'resubmit'; readonly nickname: string }
  /** certutil -M for the nickname, in the store. */
  | { readonly kind: 'trust'; readonly nickname: string; readonly store: 'token' | 'internal'; readonly flags: string }
  | { readonly kind: 'mode'; readonly file: string; readonly mode: number }
  | { readonly kind: 'owner'; readonly file: string; readonly uid: number; readonly gid: number }
  /** Interrupted savings. */
  | { readonly kind: 'finish savings' }
  | { readonly kind: 'restorecon'; readonly file: string };
