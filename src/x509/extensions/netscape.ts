import type { Extension } from '../certificate.js';
import { contentOf, derFault, element, namedBits } from '../der.js';
import { oids } from '../oids.js';

/** Bit numbers of Netscape's certificate type (openssl x509v3_config(5), nsCertType; bit 4 is reserved). */
const bits = { client: 0, server: 1, email: 2, objsign: 3, sslCA: 5, emailCA: 6, objCA: 7 } as const;
export type NetscapeUse = keyof typeof bits;

/** For software older than extended key usage. */
export function netscapeCertTypeExtension(uses: readonly NetscapeUse[]): Extension {
  return { oid: oids.netscapeCertType, critical: false, value: namedBits(uses.reduce((octet, use) => octet | (0x80 >> bits[use]), 0)) };
}

/** `comment` is ASCII. */
export function netscapeCommentExtension(comment: string): Extension {
  return { oid: oids.netscapeComment, critical: false, value: element(0x16, Buffer.from(comment)) };
}

/** What a certificate type names, in the order of its bits; undefined for what is no BIT STRING. */
export function readNetscapeCertType(value: Uint8Array): NetscapeUse[] | undefined {
  if (value[0] !== 0x03 || derFault(value) !== undefined) return undefined;
  const octet = contentOf(value)[1] ?? 0;
  return (Object.keys(bits) as NetscapeUse[]).filter((use) => (octet & (0x80 >> bits[use])) !== 0);
}

/** The comment's text; undefined for what is no IA5String. */
export function readNetscapeComment(value: Uint8Array): string | undefined {
  return value[0] === 0x16 && derFault(value) === undefined ? Buffer.from(contentOf(value)).toString('latin1') : undefined;
}
