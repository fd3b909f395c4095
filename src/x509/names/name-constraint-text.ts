import { HsmongerError } from '../../errors.js';
import { element } from '../der.js';
import { generalNameTags as tags } from './general-name.js';
import { asciiMailbox } from './general-name-text.js';
import { asciiHost } from './host.js';
import { ipRange } from './ip-address.js';
import { subjectFromText } from './subject-text.js';

const ascii = (tag: number, text: string | undefined) => (text === undefined ? undefined : element(tag, Buffer.from(text)));
/** A host, or with a dot in front all below it. */
const hostOrDomain = (text: string) => {
  const host = asciiHost(text.replace(/^\./u, ''));
  return host === undefined || !text.startsWith('.') ? host : `.${host}`;
};

const readers: Readonly<Record<string, (value: string) => Uint8Array | undefined>> = {
  // RFC 5280 §4.2.1.10 has no dot in front here: a host name stands for itself and all below it.
  dns: (value) => ascii(tags.dns, asciiHost(value.replace(/^\./u, ''))),
  ip: (value) => {
    const range = ipRange(value);
    return range === undefined ? undefined : element(tags.ip, range);
  },
  email: (value) => ascii(tags.email, value.includes('@') ? asciiMailbox(value) : hostOrDomain(value)),
  uri: (value) => ascii(tags.uri, hostOrDomain(value)),
  dirname: (value) => element(tags.directory, subjectFromText(value)),
};

const forms =
  'dns:example.test, ip:10.0.0.0/8, ip:2001:db8::/32, email:example.test, email:.example.test, uri:.example.test or dirName:O=EXAMPLE.TEST';

/**
 * The base of a subtree of names as its DER GeneralName element, from `kind:value`; a dot in front of a host name (dns) is taken and means
 * nothing. USAGE for what is none.
 */
export function nameConstraintFromText(text: string): Uint8Array {
  const at = text.indexOf(':');
  const base = at < 1 ? undefined : readers[text.slice(0, at).toLowerCase()]?.(text.slice(at + 1));
  if (base === undefined) throw new HsmongerError('USAGE', `'${text.slice(0, 200)}' is no part of the names of a CA; write ${forms}.`);
  return base;
}
