/** A mechanism certmonger works with on a token. */
export interface NeededMechanism {
  readonly name: string;
  /** What it is for, as the second half of a sentence that begins with the token. */
  readonly why: string;
  readonly listed: boolean;
}

/**
 * What certmonger and the NSS below it ask a token for, whose keys are of these types (as CKA_KEY_TYPE has it). NSS makes the digest itself
 * and signs requests with the raw mechanism (PK11_Sign); keys on Edwards curves it does not know.
 */
export function certmongerMechanisms(listed: readonly string[], types: readonly string[]): NeededMechanism[] {
  const need = (name: string, why: string): NeededMechanism => ({ name, why, listed: listed.includes(name) });
  return [
    need('CKM_RSA_PKCS_KEY_PAIR_GEN', 'certmonger sees no token without it, whatever its keys are (keyiread-n.c:148)'),
    need('CKM_RSA_X_509', 'certmonger before 0.79.19 saves no certificate without it (certsave-n.c:213)'),
    ...(types.includes('RSA') ? [need('CKM_RSA_PKCS', "certmonger signs an RSA key's requests with it (csrgen-n.c:621)")] : []),
    ...(types.includes('EC') ? [need('CKM_ECDSA', 'certmonger signs the requests of a key on a curve with it (csrgen-n.c:621)')] : []),
  ];
}
