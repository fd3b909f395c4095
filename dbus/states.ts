/** certmonger's own `stuck` states (tdbush.c): nothing moves until somebody modifies, resubmits or restarts. */
export const stuckStates: ReadonlySet<string> = new Set([
  'NEED_KEYINFO_READ_TOKEN',
  'NEED_KEYINFO_READ_PIN',
  'NEED_KEY_GEN_PERMS',
  'NEED_KEY_GEN_TOKEN',
  'NEED_KEY_GEN_PIN',
  'NEED_CSR_GEN_TOKEN',
  'NEED_CSR_GEN_PIN',
  'NEED_SCEP_GEN_TOKEN',
  'NEED_SCEP_GEN_PIN',
  'NEED_SCEP_ENCRYPTION_CERT',
  'NEED_SCEP_RSA_CLIENT_KEY',
  'NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN',
  'NEWLY_ADDED_NEED_KEYINFO_READ_PIN',
  'NEED_CA_CERT_SAVE_PERMS',
  'NEED_ONLY_CA_CERT_SAVE_PERMS',
  'NEED_CERTSAVE_PERMS',
  'NEED_CERTSAVE_TOKEN',
  'NEED_CERTSAVE_PIN',
  'NEED_GUIDANCE',
  'NEED_CA',
  'CA_REJECTED',
  'CA_UNCONFIGURED',
]);

/** The state of a request that has its certificate and waits for its end. A ca-error beside it means the last renewal failed. */
export const restingState = 'MONITORING';

/**
 * States a wait for one enrolment may end in: resting, stuck, or the CA unreachable (retried by certmonger after a week: nobody waits
 * that long). The loops certmonger never calls stuck are not among them: a wait needs a limit of its own.
 */
export const terminalStates: ReadonlySet<string> = new Set([...stuckStates, restingState, 'CA_UNREACHABLE']);

/** States in which `refresh` runs the helper at once; in any other it does nothing (tdbush.c, request_refresh). */
export const refreshableStates: ReadonlySet<string> = new Set(['CA_WORKING', 'CA_UNREACHABLE']);
