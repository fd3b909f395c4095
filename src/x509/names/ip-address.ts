import { isIPv4, isIPv6 } from 'node:net';

/** The four or sixteen octets of an address (RFC 5280 §4.2.1.6); undefined for what is none. */
export function ipOctets(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.').map(Number));
  // A zone is the host's own business.
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const [head = '', tail] = text.split('::');
  const [front, back] = [groups(head), groups(tail ?? '')];
  const missing = tail === undefined ? 0 : 16 - front.length - back.length;
  return Uint8Array.from([...front, ...new Array<number>(missing).fill(0), ...back]);
}

function groups(text: string): number[] {
  return text === ''
    ? []
    : text
        .split(':')
        .flatMap((group) => (group.includes('.') ? group.split('.').map(Number) : [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]));
}

/** Address octets for people: an IPv6 address shortened as RFC 5952 §4 writes it. */
export function ipText(octets: Uint8Array): string {
  return octets.length === 4
    ? octets.join('.')
    : new URL(
        `http://[${Buffer.from(octets)
          .toString('hex')
          .replace(/(.{4})(?!$)/gu, '$1:')}]`,
      ).hostname.slice(1, -1);
}

/**
 * `address/bits` as iPAddress of a name constraint: the address, then its mask (RFC 5280 §4.2.1.10); undefined for what is none, and where
 * address bits lie outside the mask.
 */
export function ipRange(text: string): Uint8Array | undefined {
  const [address = '', bits, ...more] = text.split('/');
  const octets = ipOctets(address);
  if (octets === undefined || bits === undefined || more.length > 0 || !/^\d{1,3}$/u.test(bits) || Number(bits) > octets.length * 8)
    return undefined;
  const mask = octets.map((_octet, index) => (0xff00 >> Math.min(8, Math.max(0, Number(bits) - index * 8))) & 0xff);
  return octets.every((octet, index) => (octet & ~(mask[index] ?? 0)) === 0) ? Uint8Array.of(...octets, ...mask) : undefined;
}
