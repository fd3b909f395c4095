import { HsmongerError } from '../../../errors.js';
import { highestToldCrlNumber } from '../../../ledger/crls.js';

/** The number of a published CRL as a person says it, decimal or 0x…; decimal again. USAGE for one no CRL could follow. */
export function toldCrlNumber(word: string): string {
  const number = BigInt(word);
  if (number > highestToldCrlNumber)
    throw new HsmongerError(
      'USAGE',
      `--above ${word} would leave no number for the CRLs to come, which have at most 20 octets for it (RFC 5280 §5.2.3); 'openssl crl -crlnumber' prints the number of the published one.`,
    );
  return String(number);
}
