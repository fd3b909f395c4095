/**
 * What certmonger waits for in the states it calls stuck (tdbush.c:4367-4389) and in those that fail for ever without being called
 * so (a save that fails loops), with the way out.
 */
const meanings: Readonly<Record<string, string>> = {
  NEED_KEYINFO_READ_TOKEN: tokenUnseen('to read the key'),
  NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN: tokenUnseen('to read the key'),
  NEED_CSR_GEN_TOKEN: tokenUnseen('to sign the request, or the key is not on it'),
  NEED_KEY_GEN_TOKEN: tokenUnseen('to make a key, which must not happen'),
  NEED_CERTSAVE_TOKEN: tokenUnseen('to save the certificate'),
  NEED_KEYINFO_READ_PIN: pinRefused(),
  NEWLY_ADDED_NEED_KEYINFO_READ_PIN: pinRefused(),
  NEED_CSR_GEN_PIN: pinRefused(),
  NEED_KEY_GEN_PIN: pinRefused(),
  NEED_CERTSAVE_PIN: pinRefused(),
  NEED_CERTSAVE_PERMS: 'the service user cannot write the NSS database; give its directory and files to that user, then renew again',
  NEED_CA_CERT_SAVE_PERMS: 'certmonger cannot write where the CA certificates go; mend the permissions, then renew again',
  NEED_ONLY_CA_CERT_SAVE_PERMS: 'certmonger cannot write where the CA certificates go; mend the permissions, then renew again',
  NEED_KEY_GEN_PERMS: 'certmonger wants to make a new key, which must not happen; stop tracking and run track apply',
  NEED_GUIDANCE: "certmonger did not understand the helper's answer; see certmonger's journal, then renew again",
  NEED_CA: 'certmonger does not know the CA of this request; run setup again',
  CA_REJECTED: 'the CA refused the request; mend what it says, then renew again',
  CA_UNCONFIGURED: 'the helper is not configured; mend what it says, then renew again',
  CA_UNREACHABLE: 'the CA cannot be reached; certmonger tries again by itself',
  NEED_TO_NOTIFY_ISSUED_SAVE_FAILED: saveFails(),
  NOTIFYING_ISSUED_SAVE_FAILED: saveFails(),
};

/** The trouble a state stands for; undefined for the states in which nothing is wrong. */
export function meaningOf(state: string, stuck: boolean): string | undefined {
  return meanings[state] ?? (stuck ? 'certmonger waits for an administrator' : undefined);
}

function tokenUnseen(what: string): string {
  return `certmonger does not find the token ${what}; check that the module is registered in the NSS database and that its configuration is visible to certmonger, whose environment is cleared`;
}

function pinRefused(): string {
  return 'the PIN in the PIN file was refused or is missing; mend the file, then renew again';
}

function saveFails(): string {
  return "saving the certificate failed and certmonger tries again every minute; check token, PIN file and NSS database";
}
