import { HsmongerError } from '../../errors.js';

/** certmonger and NSS keep labels in lines. */
const longest = 255;
/** CK_TOKEN_INFO.label, PKCS#11 2.40 §3.2. */
const longestOfToken = 32;

/**
 * Refuses a label that certmonger or NSS would lose the object by (design rule 2): none, or one with ':' (NSS reads "token:nickname"), '/'
 * or control characters. LABEL_INVALID. `what` begins the message.
 */
export function assertLabel(label: string, what: string): void {
  const why = objectLabelFault(label);
  if (why !== undefined)
    throw new HsmongerError(
      'LABEL_INVALID',
      `${what} cannot have the label '${label}': it ${why}; NSS and certmonger would not find it again by that. Choose another.`,
    );
}

/** Why an object cannot have that label, as the end of a sentence. */
export function objectLabelFault(label: string): string | undefined {
  return labelFault(label, longest);
}

/** Why a token cannot have that label, as the end of a sentence. */
export function tokenLabelFault(label: string): string | undefined {
  return labelFault(label, longestOfToken);
}

function labelFault(label: string, most: number): string | undefined {
  if (label.trim() === '') return 'is empty';
  if (/[:/]/u.test(label)) return "holds ':' or '/'";
  if (/\p{Cc}/u.test(label)) return 'holds control characters';
  if (label !== label.trim()) return 'begins or ends with a blank';
  return Buffer.byteLength(label) > most ? `is longer than ${String(most)} octets` : undefined;
}
