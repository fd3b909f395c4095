import { HsmongerError } from '../errors.js';
import { unacceptable, type Answer } from '../x509/acceptable.js';
import { nameText } from '../x509/name.js';

/** ISSUED_WRONG unless the certificate may be handed to certmonger (design rule 3), whichever issuer it came from. */
export function verifyIssued(answer: Answer): void {
  const fault = unacceptable(answer);
  if (fault !== undefined) throw new HsmongerError('ISSUED_WRONG', `The certificate issued for ${nameText(answer.issued.subject)} is refused: ${fault}.`);
}
