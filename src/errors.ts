/**
 * Every failure a user can meet, by a stable code. The table says what certmonger's helper and the CLI make of each;
 * docs/errors.md lists them all with the cure.
 */

/** What certmonger should do: refuse (exit 2), wait for an administrator (exit 4), or ask again after a delay (exit 5). */
export type HelperReaction = 'rejected' | 'unconfigured' | { readonly retryAfterSeconds: number };

/** The CLI's exit codes: 1 failed, 2 wrong usage or invalid configuration, 3 something needs attention. */
export type CliExit = 1 | 2 | 3;

interface Reaction {
  readonly helper: HelperReaction;
  readonly cli: CliExit;
}

const rejected = { helper: 'rejected', cli: 1 } as const;
const unconfigured = { helper: 'unconfigured', cli: 2 } as const;
const retry = (retryAfterSeconds: number) => ({ helper: { retryAfterSeconds }, cli: 1 }) as const;

/**
 * Delays are our own and short: certmonger's default after exit 3 is seven days (iterate.c, cm_decide_ca_delay).
 * What an administrator has to mend first is asked about less often than what mends itself.
 */
export const reactions = {
  // configuration
  CONFIG_NOT_FOUND: unconfigured,
  CONFIG_INVALID: unconfigured,
  CONFIG_UNSAFE: unconfigured,
  USAGE: unconfigured,

  // the service user
  USER_MISSING: unconfigured,
  NOT_PERMITTED: unconfigured,
  DROP_FAILED: unconfigured,

  // PKCS#11 module and token
  MODULE_NOT_FOUND: retry(60),
  MODULE_UNSAFE: unconfigured,
  MODULE_FAILED: retry(60),
  TOKEN_NOT_FOUND: retry(30),
  TOKEN_AMBIGUOUS: retry(60),
  TOKEN_FAILED: retry(30),
  TOKEN_READ_ONLY: retry(60),
  TOKEN_NOT_BLANK: rejected,
  TOKEN_IN_USE: rejected,
  SESSION_LOST: retry(10),
  MECHANISM_UNSUPPORTED: rejected,

  // PIN
  // Not unconfigured: the file is empty for the instant of a redirection, and certmonger would wait for its next threshold.
  PIN_SOURCE_INVALID: { helper: { retryAfterSeconds: 60 }, cli: 2 },
  PIN_SOURCE_MISSING: retry(60),
  PIN_UNSAFE: unconfigured,
  PIN_INCORRECT: retry(60),
  PIN_KNOWN_BAD: retry(60),
  PIN_UNANSWERED: retry(60),
  PIN_LOCKED: retry(300),
  PIN_FINAL_TRY: retry(300),
  PIN_NOT_CHANGED: retry(60),

  // objects on the token
  KEY_NOT_FOUND: retry(60),
  KEY_AMBIGUOUS: rejected,
  KEY_UNUSABLE: rejected,
  KEY_MISMATCH: rejected,
  CERTIFICATE_NOT_FOUND: retry(60),
  OBJECT_EXISTS: rejected,
  LABEL_INVALID: { helper: 'rejected', cli: 2 },

  // what certmonger hands in
  REQUEST_INVALID: rejected,
  CSR_INVALID: rejected,
  CSR_SIGNATURE: rejected,
  CERTIFICATE_INVALID: rejected,
  PROFILE_UNKNOWN: rejected,
  PROFILE_MISMATCH: rejected,
  OLD_CERTIFICATE_MISSING: rejected,
  SUBJECT_MISMATCH: rejected,
  NAME_REFUSED: rejected,
  WEAK_KEY: rejected,
  WEAK_DIGEST: rejected,

  // the issuer
  ISSUER_EXPIRED: rejected,
  // It has no end of its own while the CA's renewal is stuck, so it is not asked about as often as what mends itself at once.
  ISSUER_DUE: retry(15),
  ISSUER_EXTERNAL: rejected,
  CLONE_REFUSED: rejected,
  NOT_LONGER: rejected,
  ISSUED_WRONG: rejected,

  // revocation
  REVOCATION_REFUSED: rejected,
  CRL_INVALID: rejected,
  CRL_NUMBER: rejected,
  ISSUER_ELSEWHERE: { helper: 'rejected', cli: 3 },

  // a CA behind the network
  // Most often it is just being restarted, by the hook of the certificate saved before.
  CA_UNREACHABLE: retry(15),
  CA_REFUSED: rejected,
  CA_ANSWER_INVALID: retry(300),
  CA_PENDING: retry(300),
  AGENT_REFUSED: retry(300),

  // the directory, and the servers that share it
  DIRECTORY_UNAVAILABLE: retry(60),
  DIRECTORY_REFUSED: retry(300),
  DIRECTORY_CHANGED: retry(30),
  DIRECTORY_INVALID: retry(300),
  NOT_PUBLISHED: retry(40),
  MASTER_UNKNOWN: { helper: { retryAfterSeconds: 300 }, cli: 3 },
  RENEWAL_LOCKED: retry(30),
  FREEIPA_INVALID: unconfigured,

  // our own state
  STATE_UNAVAILABLE: retry(60),
  STATE_BUSY: retry(5),
  BACKUP_INVALID: rejected,
  DEADLINE: retry(30),

  // NSS database
  NSS_NOT_FOUND: unconfigured,
  NSS_UNSUPPORTED: unconfigured,
  NSS_PASSWORD: retry(60),
  NSS_FAILED: retry(60),

  // a Dogtag server's files on this host
  PKI_CONFIG_FAILED: retry(60),

  // the bus and certmonger
  BUS_UNAVAILABLE: retry(30),
  BUS_TIMEOUT: retry(30),
  CERTMONGER_UNAVAILABLE: retry(30),
  CERTMONGER_REFUSED: rejected,
  REQUEST_DUPLICATE: rejected,
  REQUEST_NOT_FOUND: rejected,

  // our own daemon
  DAEMON_UNAVAILABLE: retry(60),
  DAEMON_FAILED: retry(60),

  // doing
  PREFLIGHT_FAILED: { helper: 'rejected', cli: 3 },
  RENEWAL_FAILED: rejected,
  COMMAND_FAILED: retry(60),
  INTERRUPTED: retry(60),
  INTERNAL: retry(60),
} as const satisfies Record<string, Reaction>;

export type ErrorCode = keyof typeof reactions;

/**
 * The one error of the project. `message` is a whole sentence for a person: what was tried, on what, and what to do next.
 * It never holds a PIN.
 */
export class HsmongerError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'HsmongerError';
    this.code = code;
  }
}

/** What certmonger's helper makes of the failure. */
export function helperReaction(code: ErrorCode): HelperReaction {
  return reactions[code].helper;
}

/** The CLI's exit code for the failure. */
export function cliExit(code: ErrorCode): CliExit {
  return reactions[code].cli;
}

/** The message of anything thrown, in one line: a reader of certmonger's ca-error sees only the first. */
export function sentenceOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/gu, ' ').trim();
}

/** The failure as ours; what is not ours is INTERNAL, the original kept as `cause`. */
export function asHsmongerError(error: unknown): HsmongerError {
  if (error instanceof HsmongerError) return error;
  if (isOfAnotherBundle(error)) return new HsmongerError(error.code, error.message, { cause: error });
  return new HsmongerError('INTERNAL', `An unexpected failure: ${sentenceOf(error)}. Run again with -v for its trace.`, { cause: error });
}

/** Each bundle has a class of its own. */
function isOfAnotherBundle(error: unknown): error is HsmongerError {
  return (
    error instanceof Error &&
    error.name === 'HsmongerError' &&
    'code' in error &&
    typeof error.code === 'string' &&
    Object.hasOwn(reactions, error.code)
  );
}
