/** Something that goes wrong, and comes right again; it leaves the site as it was. */
export interface Fault {
  readonly name: string;
  /** What of the site it touches: two that share a piece never come at once. */
  readonly touches: readonly Piece[];
  readonly begin: () => Promise<void> | void;
  /** Absent: over with its beginning. */
  readonly end?: () => Promise<void> | void;
}

export type Piece = 'token' | 'PIN file' | 'NSS database' | 'helper' | 'state' | 'certmonger' | 'agent';
