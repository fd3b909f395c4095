/** certmonger's states by what a request waits for in them (tdbush.c:4367-4389, iterate.c). */

/** Its child found no such token, or not the key on it (csrgen-n.c:277-283). */
export const tokenStates = [
  'NEED_CSR_GEN_TOKEN',
  'NEED_CERTSAVE_TOKEN',
  'NEED_KEYINFO_READ_TOKEN',
  'NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN',
] as const;

/** Its child had no PIN, or the token refused it. */
export const pinStates = ['NEED_CSR_GEN_PIN', 'NEED_KEYINFO_READ_PIN', 'NEWLY_ADDED_NEED_KEYINFO_READ_PIN'] as const;

/** A new key is about to be made, or was tried to be: what must never happen (design rule 1), so nothing here sets it going. */
export const keyMakingStates = [
  'NEED_KEY_PAIR',
  'GENERATING_KEY_PAIR',
  'NEED_KEY_GEN_PERMS',
  'NEED_KEY_GEN_TOKEN',
  'NEED_KEY_GEN_PIN',
] as const;

export const scepStates = ['NEED_SCEP_GEN_TOKEN', 'NEED_SCEP_GEN_PIN', 'NEED_SCEP_ENCRYPTION_CERT', 'NEED_SCEP_RSA_CLIENT_KEY'] as const;

/** The round of a saving that fails for ever, never called stuck (digest of its loops: 30 s and 30 s again). */
export const saveFailedStates = ['NEED_TO_NOTIFY_ISSUED_SAVE_FAILED', 'NOTIFYING_ISSUED_SAVE_FAILED'] as const;
export const savingStates = ['NEED_TO_SAVE_CERT', 'PRE_SAVE_CERT', 'START_SAVING_CERT', 'SAVING_CERT'] as const;

/** Stuck with the lock every other saving needs (iterate.c:1216-1277, 1606-1643). */
export const lockHoldingStates = [
  'NEED_CERTSAVE_PERMS',
  'NEED_CERTSAVE_TOKEN',
  'NEED_CERTSAVE_PIN',
  'NEED_CA_CERT_SAVE_PERMS',
  'NEED_ONLY_CA_CERT_SAVE_PERMS',
] as const;

/** It cannot write where CA certificates go; the certificate itself is saved. */
export const caSaveStates = ['NEED_CA_CERT_SAVE_PERMS', 'NEED_ONLY_CA_CERT_SAVE_PERMS'] as const;

/** The certificate request is to be made, or a child is making it. */
export const csrStates = ['NEED_CSR', 'GENERATING_CSR'] as const;

/** The helper is being asked, or is to be asked again. */
export const askingStates = ['NEED_TO_SUBMIT', 'SUBMITTING', 'CA_WORKING'] as const;

/** From the CSR to the end of a saving, and the reading of a new request: what takes seconds when nothing is wrong. */
export const passingStates = [
  'HAVE_KEY_PAIR',
  'NEED_KEYINFO',
  'READING_KEYINFO',
  'HAVE_KEYINFO',
  ...csrStates,
  'HAVE_CSR',
  'NEED_SCEP_DATA',
  'GENERATING_SCEP_DATA',
  'HAVE_SCEP_DATA',
  'NEED_TO_SUBMIT',
  'SUBMITTING',
  ...savingStates,
  'NEED_TO_READ_CERT',
  'READING_CERT',
  'SAVED_CERT',
  'POST_SAVED_CERT',
  'NEED_TO_NOTIFY_VALIDITY',
  'NOTIFYING_VALIDITY',
  'NEED_TO_NOTIFY_REJECTION',
  'NOTIFYING_REJECTION',
  'NEED_TO_NOTIFY_ISSUED_CA_SAVE_FAILED',
  'NOTIFYING_ISSUED_CA_SAVE_FAILED',
  'NEED_TO_NOTIFY_ONLY_CA_SAVE_FAILED',
  'NOTIFYING_ONLY_CA_SAVE_FAILED',
  'NEED_TO_SAVE_CA_CERTS',
  'NEED_TO_SAVE_ONLY_CA_CERTS',
  'START_SAVING_CA_CERTS',
  'START_SAVING_ONLY_CA_CERTS',
  'SAVING_CA_CERTS',
  'SAVING_ONLY_CA_CERTS',
  'NEED_TO_NOTIFY_ISSUED_SAVED',
  'NOTIFYING_ISSUED_SAVED',
  'NEWLY_ADDED',
  'NEWLY_ADDED_START_READING_KEYINFO',
  'NEWLY_ADDED_READING_KEYINFO',
  'NEWLY_ADDED_START_READING_CERT',
  'NEWLY_ADDED_READING_CERT',
  'NEWLY_ADDED_DECIDING',
] as const;
