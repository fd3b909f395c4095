/** Certificates by what they are for. */
export interface ChainFacts {
  /** Each of the instance's certificates that was found: the one that lasts longest under its nickname. */
  readonly certificates: readonly FoundCertificate[];
  /** DER of every certificate at hand that may stand above one: token, NSS database, files, directory. */
  readonly atHand: readonly Uint8Array[];
  /** Where looking for those failed, a whole sentence each: a chain that is not found may be there. */
  readonly troubles: readonly string[];
}

export interface FoundCertificate {
  readonly nickname: string;
  readonly profile: string;
  readonly der: Uint8Array;
}
