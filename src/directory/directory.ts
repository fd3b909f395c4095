/**
 * One entry as the server gave it: its name, and values by lower-case attribute description (`cacertificate;binary`), in no order that
 * means anything.
 */
export interface Entry {
  readonly dn: string;
  readonly values: ReadonlyMap<string, readonly Uint8Array[]>;
}

export interface Query {
  readonly base: string;
  readonly scope: 'base' | 'one' | 'subtree';
  /** RFC 4515; made with the helpers of filter.ts, never by joining strings. Default: every entry. */
  readonly filter?: string;
  /** Attribute descriptions; default all user attributes. */
  readonly attributes?: readonly string[];
}

export interface Modification {
  readonly operation: 'add' | 'delete' | 'replace';
  readonly attribute: string;
  readonly values: readonly (string | Uint8Array)[];
}

/**
 * A connection that has bound and never goes on as anybody else: once it is lost every call fails with DIRECTORY_UNAVAILABLE. Calls have
 * a time limit. Failures are HsmongerError: DIRECTORY_UNAVAILABLE, DIRECTORY_REFUSED (rights), DIRECTORY_CHANGED (a value that was to be
 * replaced is gone, or one that was to be added is there: somebody was quicker), DIRECTORY_INVALID.
 */
export interface Directory {
  /** Nothing below a base that does not exist. */
  search(query: Query): Promise<Entry[]>;
  /** One modify, all or nothing. */
  modify(dn: string, modifications: readonly Modification[]): Promise<void>;
  add(dn: string, attributes: Readonly<Record<string, readonly (string | Uint8Array)[]>>): Promise<void>;
  /** Gone already is no failure. */
  remove(dn: string): Promise<void>;
  /**
   * Persistent search (draft-ietf-ldapext-psearch): yields once when the server has taken it up, then each time anything the query finds
   * changes; ends with an error when the connection is lost. DIRECTORY_REFUSED where the server does not offer it.
   */
  watch(query: Query, signal: AbortSignal): AsyncIterable<void>;
  close(): Promise<void>;
}
