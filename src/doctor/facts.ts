import type { Instance } from '../config/instance.js';
import type { CertmongerFacts } from './facts/certmonger.js';
import type { ChainFacts } from './facts/chain.js';
import type { FilesFacts } from './facts/files.js';
import type { HostFacts } from './facts/host.js';
import type { ServersFacts } from './facts/servers.js';
import type { StateFacts } from './facts/state.js';
import type { InternalSight, NssSight } from './facts/nss.js';
import type { TokenSight } from './facts/token.js';

/** Everything the checks look at, gathered before any of them runs (cli/doctor/gather). What could not be asked says so itself. */
export interface DoctorFacts {
  readonly instance: Instance;
  readonly now: Date;
  readonly certmonger: Fact<CertmongerFacts>;
  readonly chain: Fact<ChainFacts>;
  readonly servers: ServersFacts;
  readonly files: Fact<FilesFacts>;
  readonly state: Fact<StateFacts>;
  readonly host: Fact<HostFacts>;
  /** Module, token, PIN; 'none' where the instance has no token. */
  readonly token: Fact<TokenSight | 'none'>;
  readonly nss: Fact<NssSight>;
  /** What lies in the NSS database itself; 'none' where there is no sql database. */
  readonly internal: Fact<InternalSight | 'none'>;
  /**
   * Where the instance has several tokens: the facts as each of them is seen by itself (token-views.ts), its own first. `token` and `nss`
   * above are that one's.
   */
  readonly views?: readonly DoctorFacts[];
}

/** A part of the facts: what was found, or why it could not be asked, as a sentence. */
export type Fact<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };
