import { encodeGeneralName } from './general-name.js';
import { asciiMailbox } from './general-name-text.js';
import { parseName } from './name.js';
import { oids } from '../oids.js';

/**
 * The mail addresses in a DER Name, as the subject alternative names a new certificate has of them (RFC 5280 §4.1.2.6); what is none is
 * left out.
 */
export function mailboxesOf(name: Uint8Array): Uint8Array[] {
  const texts = (parseName(name)?.flat() ?? []).filter(({ type }) => type === oids.emailAddress).flatMap(({ text }) => text ?? []);
  return texts.flatMap((text) => asciiMailbox(text) ?? []).map((mailbox) => encodeGeneralName({ kind: 'email', mailbox }));
}
