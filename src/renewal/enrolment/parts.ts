import type { Instance } from '../../config/instance.js';
import type { RenewalLock } from '../../freeipa/renewal-lock.js';
import type { SharedStore } from '../../issuer/directory/shared-store.js';
import type { Issuer } from '../../issuer/issuer.js';
import type { Clock } from '../../platform/clock.js';
import type { Certificate } from '../../x509/certificate.js';
import type { CsrFile } from './csr-file.js';

/**
 * What an enrolment works with. What was opened before the drop is asked for when it is needed, and fails then if it could not be opened.
 */
export interface EnrolmentParts {
  readonly instance: Pick<Instance, 'issuer' | 'freeipa' | 'helper'>;
  readonly flags: { readonly reuseExisting: boolean; readonly forceSelfSigned: boolean };
  /** The instance's own, where it has one that issues. */
  readonly issuer: Issuer;
  /** Where servers share their certificates. */
  readonly store?: () => SharedStore;
  readonly lock?: () => RenewalLock;
  readonly csrFile?: () => CsrFile;
  /** What a CA behind the network is known by: one of these has the key of the CA's own certificate. */
  readonly caFile?: () => readonly Certificate[];
  /** The instance's own. */
  readonly stateDirectory: string;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Whether this server never saved what certmonger holds; see renewal/missed.ts. */
  readonly missed?: (nickname: string, certificate: Certificate) => boolean;
  /** A certificate another server renews is in place here, and there is no other. */
  readonly inPlace?: (nickname: string, certificate: Certificate) => void;
  /** What is wrong with the renewal master, by what is remembered of it; see directory/master-alarm.ts. */
  readonly masterAlarm?: (store: SharedStore) => Promise<string | undefined>;
  /** Throws where a certificate of this profile could not be saved now; see savable.ts. */
  readonly assertSavable?: (profile: string) => void;
  /** Tells a person. */
  readonly alarm: (message: string) => Promise<void>;
}
