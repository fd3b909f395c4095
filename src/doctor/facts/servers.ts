import type { ServersLook } from '../../renewal/look-at-servers.js';
import type { Fact } from '../facts.js';

/** The other servers the instance lives with. */
export interface ServersFacts {
  /** Absent where the instance has no [directory]. */
  readonly directory?: Fact<DirectoryLook>;
  /** Absent where the issuer is no CA behind the network. */
  readonly authority?: AuthorityLook;
}

export interface DirectoryLook extends ServersLook {
  /** DER of what is published under each shared nickname. */
  readonly shared: readonly { readonly nickname: string; readonly published: readonly Uint8Array[] }[];
  /** DER of every CA certificate the domain trusts. */
  readonly trusted: readonly Uint8Array[];
  /** Dogtag's own entries about certificates of ours. */
  readonly entries: readonly PkiEntry[];
}

/** Whether Dogtag's users or authorities know a certificate. */
export interface PkiEntry {
  readonly nickname: string;
  readonly of: 'users' | 'authorities';
  readonly state: 'current' | 'stale' | 'none';
}

export interface AuthorityLook {
  readonly url: string;
  /** Whether it answered over TLS; why not, as a sentence, otherwise. */
  readonly answer: Fact<{ readonly date?: Date }>;
  /** DER of the agent's certificate, where there is one; why it cannot be read, as a sentence, otherwise. */
  readonly agent?: Fact<Uint8Array>;
}
