/**
 * Reasons a certificate may be revoked for, with their codes (RFC 5280 §5.3.1; 7 is not used). removeFromCRL ends a hold and revokes
 * nothing.
 */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;

export type RevocationReason = keyof typeof revocationReasons;

/** The reason a word names, in whatever case it is written; undefined for one that is none. */
export function parseReason(word: string): RevocationReason | 'removeFromCRL' | undefined {
  const names = [...(Object.keys(revocationReasons) as RevocationReason[]), 'removeFromCRL' as const];
  return names.find((name) => name.toLowerCase() === word.toLowerCase());
}
