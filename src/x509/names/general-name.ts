import type { Extension } from '../certificate.js';
import { element, sequence } from '../der.js';
import { oids } from '../oids.js';

/** Whom a certificate is for (RFC 5280 §4.2.1.6), in the kinds hsmonger writes; made from text by general-name-text.ts. */
export type GeneralName =
  /** A-labels in lower case; '*.' in front stands for one label. */
  | { readonly kind: 'dns'; readonly host: string }
  /** Four or sixteen octets. */
  | { readonly kind: 'ip'; readonly address: Uint8Array }
  /** ASCII, the host of it in A-labels. */
  | { readonly kind: 'email'; readonly mailbox: string }
  /** Absolute, ASCII. */
  | { readonly kind: 'uri'; readonly uri: string }
  /** DER Name. */
  | { readonly kind: 'directory'; readonly name: Uint8Array };

/** Context-specific tags of GeneralName (RFC 5280 §4.2.1.6). */
export const generalNameTags = { email: 0x81, dns: 0x82, directory: 0xa4, uri: 0x86, ip: 0x87 } as const;

export function encodeGeneralName(name: GeneralName): Uint8Array {
  const tag = generalNameTags[name.kind];
  switch (name.kind) {
    case 'dns':
      return element(tag, Buffer.from(name.host));
    case 'ip':
      return element(tag, name.address);
    case 'email':
      return element(tag, Buffer.from(name.mailbox));
    case 'uri':
      return element(tag, Buffer.from(name.uri));
    case 'directory':
      // A Name is a CHOICE, so its tag is explicit.
      return element(tag, name.name);
  }
}

/** A uniformResourceIdentifier, from an ASCII address. */
export const encodeUri = (uri: string): Uint8Array => element(generalNameTags.uri, Buffer.from(uri));

/**
 * subjectAltName: critical exactly where the subject is empty (RFC 5280 §4.2.1.6). `names` are DER GeneralName elements; a repeated one is
 * said once.
 */
export function subjectAltNameExtension(names: readonly Uint8Array[], subject: Uint8Array): Extension {
  const distinct = new Map(names.map((name) => [Buffer.from(name).toString('latin1'), name]));
  return { oid: oids.subjectAltName, critical: isEmptyName(subject), value: sequence(...distinct.values()) };
}

/** Whether a DER Name has no part. */
export function isEmptyName(name: Uint8Array): boolean {
  return name.length === 2;
}
