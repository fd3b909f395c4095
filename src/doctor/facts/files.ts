import type { Fact } from '../facts.js';

/** What a file is to us, and so who may do what with it. */
export type FileRole =
  | { readonly is: 'configuration' | 'program' }
  | { readonly is: 'database directory' | 'database' }
  | { readonly is: 'state directory' | 'state' }
  | { readonly is: 'certificate' | 'key'; readonly nickname: string; readonly owner?: Owner; readonly mode?: number }
  | { readonly is: 'agent certificate' | 'agent key' }
  | { readonly is: 'renewal lock' };

/** As the instance file wants it; an id is undefined where this machine does not know the name. */
export interface Owner {
  readonly text: string;
  readonly uid: number | undefined;
  /** Absent where no group is asked for. */
  readonly gid?: number | undefined;
}

export interface SeenFile {
  readonly file: string;
  readonly role: FileRole;
  /** Absent where it is not there. */
  readonly stat?: FileStat;
  /** Why others than root could replace it, as the end of a sentence; looked for where it matters. */
  readonly distrust?: string;
}

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other';
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
  readonly size: number;
}

export interface FilesFacts {
  /** The service user. */
  readonly account: { readonly name: string; readonly uid: number; readonly gid: number };
  readonly files: readonly SeenFile[];
  readonly selinux: Fact<Selinux>;
  /** Copies of certificates in Dogtag's CS.cfg; absent where the instance keeps none there. */
  readonly pkiConfig?: Fact<readonly ConfiguredCertificate[]>;
}

export type Selinux = { readonly enforcing: 'off' } | { readonly enforcing: 'yes' | 'no'; readonly contexts: readonly Context[] };

export interface Context {
  readonly file: string;
  /** user:role:type:range. */
  readonly actual: string;
  /** What the policy says; undefined where it says nothing. */
  readonly wanted: string | undefined;
}

export interface ConfiguredCertificate {
  readonly nickname: string;
  readonly file: string;
  readonly directive: string;
  /** Base64 DER as it stands there; undefined where the directive does not. */
  readonly value: string | undefined;
}
