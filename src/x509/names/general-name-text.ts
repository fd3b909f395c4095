import { HsmongerError } from '../../errors.js';
import { contentOf } from '../der.js';
import { generalNameTags, type GeneralName } from './general-name.js';
import { asciiHost, asciiHostPattern } from './host.js';
import { ipOctets, ipText } from './ip-address.js';
import { nameText } from './name.js';
import { subjectFromText } from './subject-text.js';

/** RFC 5321 §4.1.2 without its quoted strings, which nobody has; other alphabets need another kind of name (RFC 8398). */
const localPart = /^[-A-Za-z0-9!#$%&'*+/=?^_`{|}~]+(?:\.[-A-Za-z0-9!#$%&'*+/=?^_`{|}~]+)*$/u;
const maxLocalPart = 64;
const printableAscii = /^[\x21-\x7e]+$/u;

const readers: Readonly<Record<string, (value: string) => GeneralName | undefined>> = {
  dns: (value) => {
    const host = asciiHostPattern(value);
    return host === undefined ? undefined : { kind: 'dns', host };
  },
  ip: (value) => {
    const address = ipOctets(value);
    return address === undefined ? undefined : { kind: 'ip', address };
  },
  email: (value) => {
    const mailbox = asciiMailbox(value);
    return mailbox === undefined ? undefined : { kind: 'email', mailbox };
  },
  uri: (value) => {
    const uri = asciiUri(value);
    return uri === undefined ? undefined : { kind: 'uri', uri };
  },
  dirname: (value) => ({ kind: 'directory', name: subjectFromText(value) }),
};

const forms =
  'dns:www.example.test, dns:*.example.test, ip:192.0.2.1, ip:2001:db8::1, email:ca@example.test, uri:https://example.test/ or dirName:CN=Example,O=EXAMPLE.TEST';

/** A name from `kind:value`, kinds in any case and openssl's spelling; USAGE for what is none. */
export function generalNameFromText(text: string): GeneralName {
  const at = text.indexOf(':');
  const reader = at < 1 ? undefined : readers[text.slice(0, at).toLowerCase()];
  const name = reader?.(text.slice(at + 1));
  if (name === undefined) throw new HsmongerError('USAGE', `'${text.slice(0, 200)}' is no name for a certificate; write ${forms}.`);
  return name;
}

/** The same for people; generalNameFromText() reads it back. */
export function generalNameText(name: GeneralName): string {
  switch (name.kind) {
    case 'dns':
      return `dns:${name.host}`;
    case 'ip':
      return `ip:${ipText(name.address)}`;
    case 'email':
      return `email:${name.mailbox}`;
    case 'uri':
      return `uri:${name.uri}`;
    case 'directory':
      return `dirName:${nameText(name.name)}`;
  }
}

/** RFC 5280 §4.2.1.6 and §7.5: the host in A-labels. */
export function asciiMailbox(text: string): string | undefined {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, Math.max(at, 0));
  const host = asciiHost(text.slice(at + 1));
  return host !== undefined && local.length <= maxLocalPart && localPart.test(local) ? `${local}@${host}` : undefined;
}

/** RFC 5280 §4.2.1.6: absolute, with something behind the scheme; where it holds other alphabets, as §7.4 maps them. */
export function asciiUri(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { href, protocol } = new URL(text);
  const uri = printableAscii.test(text) ? text : href;
  return printableAscii.test(uri) && uri.length > protocol.length && !/[<>"{}|\\^`]/u.test(uri) ? uri : undefined;
}

/** A DER GeneralName element that generalNamesFault() has passed, for people. */
export function generalNameElementText(name: Uint8Array): string {
  const [tag = 0] = name;
  const content = contentOf(name);
  const ascii = Buffer.from(content).toString('latin1');
  switch (tag) {
    case generalNameTags.dns:
      return `dns:${ascii}`;
    case generalNameTags.email:
      return `email:${ascii}`;
    case generalNameTags.uri:
      return `uri:${ascii}`;
    case generalNameTags.ip:
      return `ip:${ipText(content)}`;
    case generalNameTags.directory:
      return `dirName:${nameText(content)}`;
    default:
      return `#${Buffer.from(name).toString('hex')}`;
  }
}
