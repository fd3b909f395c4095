import { HsmongerError } from '../errors.js';

/** CK_ULONG lets a label be any length, but certmonger and NSS keep "token:nickname" in lines. */
const longest = 255;

/**
 * Refuses a label that certmonger or NSS would lose the object by (design rule 2): none, or one with ':' (NSS reads "token:nickname"), '/' or
 * control characters. LABEL_INVALID. `what` begins the message.
 */
export function assertLabel(label: string, what: string): void {
  const why = faultOf(label);
  if (why !== undefined) throw new HsmongerError('LABEL_INVALID', `${what} cannot have the label '${label}': it ${why}; NSS and certmonger would not find it again by that. Choose another.`);
}

function faultOf(label: string): string | undefined {
  if (label.trim() === '') return 'is empty';
  if (/[:/]/u.test(label)) return "holds ':' or '/'";
  if (/\p{Cc}/u.test(label)) return 'holds control characters';
  if (label !== label.trim()) return 'begins or ends with a blank';
  return Buffer.byteLength(label) > longest ? `is longer than ${String(longest)} octets` : undefined;
}
