/** The machine itself. */
export interface HostFacts {
  readonly disks: readonly Disk[];
}

export interface Disk {
  /** What is kept there, for people: "the state". */
  readonly of: string;
  readonly directory: string;
  /** Octets free for those who need it. */
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Undefined where the file system counts none. */
  readonly freeInodes: number | undefined;
}
