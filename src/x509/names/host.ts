import { domainToASCII } from 'node:url';

/** RFC 1034 §3.5 and RFC 1123 §2.1: letters, digits and hyphens, 63 of them, none of the hyphens outside. */
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;
/** What IDNA is asked about at all: its implementation also decodes %41, and takes a slash for the end. */
const lettersAndDots = /^[-A-Za-z0-9.\u0080-\u{10ffff}]+$/u;
/** What IDNA leaves as it is; an A-label it decodes, to see whether it is one. */
const settled = /^(?!.*xn--)[-a-z0-9.]+$/u;
/** 255 octets on the wire (RFC 1035 §2.3.4). */
const maxLength = 253;

/** A host name as certificates hold it (RFC 5280 §7.2: A-labels, here in lower case); undefined for what is none, an IP address too. */
export function asciiHost(text: string): string | undefined {
  if (!lettersAndDots.test(text)) return undefined;
  const host = settled.test(text) ? text : domainToASCII(text);
  const labels = host.split('.');
  // A name that ends in a number is read as an IPv4 address by browsers (WHATWG URL, "ends in a number").
  const numeric = /^\d+$/u.test(labels.at(-1) ?? '');
  return host.length <= maxLength && !numeric && labels.every((part) => label.test(part)) ? host : undefined;
}

/**
 * The same, where the first label may be '*' and stands for one whole label (RFC 9525 §6.3); below it two labels at least, because no
 * client takes one for everything below a top-level domain.
 */
export function asciiHostPattern(text: string): string | undefined {
  if (!text.startsWith('*.')) return asciiHost(text);
  const host = asciiHost(text.slice(2));
  return host?.includes('.') === true && host.length + 2 <= maxLength ? `*.${host}` : undefined;
}
