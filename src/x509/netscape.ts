import type { Extension } from './certificate.js';
import { element, namedBits } from './der.js';
import { oids } from './oids.js';

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
