import type { ErrorCode } from '../errors.js';
import type { Probe } from './probe.js';

/** What is known of what all requests of an instance need; what nobody looked at is absent. */
export interface SiteFacts {
  readonly now: Date;
  readonly instance: string;
  /** The service user. */
  readonly user: string;
  /** Absent where nothing lies on one. */
  readonly token?: { readonly label: string; readonly pinFile?: string };
  /** NSS directory. */
  readonly database: string;
  /** `trouble`: why it cannot be asked, a sentence. */
  readonly certmonger?: { readonly trouble?: string };
  readonly probe?: Probe;
  /** Where the PIN file was moved to since it proved bad, while there is no new one. */
  readonly pinMovedTo?: string;
}

/** What is known of one certificate's request besides. */
export interface RequestFacts extends SiteFacts {
  readonly nickname: string;
  /** 'on the token', 'in the NSS database', 'in FILE'. */
  readonly place: string;
  readonly onToken: boolean;
  /** The newest certificate where the instance file says it lies. */
  readonly inStore?: Life | 'none';
  /** 'none': certmonger tracks none. */
  readonly request?: RequestSeen | 'none';
  /** Milliseconds since the state is what it is. */
  readonly forMs?: number;
  /** States it had, oldest first, the present one last; `agoMs`: since it came to that. */
  readonly trail: readonly { readonly status: string; readonly agoMs: number }[];
  readonly remembered: Remembered;
  /** How often this trouble was cured in vain. */
  readonly tries: number;
  /** Id of a request that is stuck with certmonger's writing lock (iterate.c:1216-1277). */
  readonly lockHeldBy?: string;
}

export interface RequestSeen {
  readonly id: string;
  readonly status: string;
  readonly stuck: boolean;
  readonly caError?: string;
  readonly ca?: string;
  /** Of the certificate as certmonger read it last. */
  readonly certificate: { readonly notBefore?: Date; readonly notAfter?: Date };
  /** As certmonger will ask for it (dbus/netscape-type.ts). */
  readonly netscapeType?: string;
  /** Whether certmonger's type and size of the key are the certificate's. */
  readonly key: 'same' | 'other' | 'unknown';
}

export interface Life {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What our own processes wrote down about the renewals of one certificate. */
export interface Remembered {
  /** Of the helper's last answer, unless it was a certificate or the one held is newer. */
  readonly outcome?: { readonly code: ErrorCode; readonly message: string; readonly at: Date };
  /** The helper was ended by its own deadline, and nothing was heard since. */
  readonly silence?: string;
  /** End of a certificate that was issued and never saved. */
  readonly unsaved?: Date;
  /** The one certmonger holds was replaced, and removed from where it reads. */
  readonly superseded?: true;
  /** On a clone: the one certmonger holds was stored by the owner, and not saved here. */
  readonly storedByOwner?: true;
  /** A saving that was begun: the last step done, what is left once the certificate serves, and since when nothing moved. */
  readonly saving?: {
    readonly step: string;
    readonly left?: { readonly step: string; readonly reason?: string };
    readonly stillMs: number;
  };
}
