import { randomBytes } from 'node:crypto';

/**
 * Content octets of a new serial number: 16 octets, 126 of their bits random (CA/Browser Forum BR §7.1 asks for 64), positive and
 * minimal because the first octet is 0x40–0x7f; well below RFC 5280 §4.1.2.2's 20.
 */
export function newSerial(): Uint8Array {
  const octets = Uint8Array.from(randomBytes(16));
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40;
  return octets;
}
