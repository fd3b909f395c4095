/** CAs and requests of certmonger as they were before they became ours. */
export interface TakenOver {
  readonly cas: readonly RememberedCa[];
  readonly requests: readonly RememberedRequest[];
  /** PIN files setup wrote. */
  readonly pinFiles: readonly string[];
}

export interface RememberedCa {
  readonly nickname: string;
  /** Absent where certmonger did not know the CA. */
  readonly helper?: string;
}

/** A request before it became ours: what we change, and how to find it again. Never its PIN. */
export interface RememberedRequest {
  /** Its id then. */
  readonly id: string;
  /** Its id since. */
  readonly ours: string;
  readonly ca?: string | undefined;
  readonly profile?: string | undefined;
  readonly preSaveCommand?: string | undefined;
  readonly postSaveCommand?: string | undefined;
  readonly nssUser?: string | undefined;
  readonly pinFile?: string | undefined;
  /** certmonger kept the PIN itself. */
  readonly pinSet: boolean;
  readonly monitoring: boolean;
  readonly autorenew: boolean;
  readonly keyToken?: string | undefined;
  readonly certificateToken?: string | undefined;
  /** All that certmonger told of it, for a person to look at. */
  readonly whole: unknown;
}
