import type { Extension } from '../certificate.js';
import { contentOf, element, elementsIn, equalBytes } from '../der.js';
import { findExtension } from '../extensions/extensions.js';
import { generalNameTags as tags, isEmptyName } from './general-name.js';
import { asciiHostPattern } from './host.js';
import { parseName, standsBelow } from './name.js';
import type { NameConstraints } from './name-constraints.js';
import { oids } from '../oids.js';

/**
 * The names of a certificate that constraints count for (RFC 5280 §4.2.1.10), as DER GeneralName elements: its subject, its subject
 * alternative names, mail addresses in the subject, and, where no host is among the alternative names, a common name that is one, because
 * clients take it for one.
 */
export function constrainedNames(subject: Uint8Array, extensions: readonly Extension[]): Uint8Array[] {
  const alternative = findExtension(extensions, oids.subjectAltName);
  const names = alternative === undefined ? [] : elementsIn(alternative.value);
  const attributes = parseName(subject)?.flat() ?? [];
  const texts = (type: string) => attributes.filter((attribute) => attribute.type === type).flatMap(({ text }) => text ?? []);
  const hosts = names.some(([tag]) => tag === tags.dns)
    ? []
    : texts(oids.commonName).flatMap((text) => (text.includes('.') ? (asciiHostPattern(text) ?? []) : []));
  return [
    ...(isEmptyName(subject) ? [] : [element(tags.directory, subject)]),
    ...names,
    ...texts(oids.emailAddress).map((text) => element(tags.email, Buffer.from(text))),
    ...hosts.map((host) => element(tags.dns, Buffer.from(host))),
  ];
}

/**
 * The first name that is outside what the constraints allow; undefined where all are inside. A kind of name that cannot be compared is
 * outside as soon as it is constrained.
 */
export function nameOutside(names: readonly Uint8Array[], { permitted, excluded }: NameConstraints): Uint8Array | undefined {
  return names.find((name) => {
    const [tag] = name;
    const ofKind = ([own]: Uint8Array) => own === tag;
    const within = permitted.filter(ofKind);
    return (
      excluded.filter(ofKind).some((base) => touches(name, base)) ||
      (within.length > 0 && !within.some((base) => inside(name, base) === true))
    );
  });
}

/** Whether any part of a name is below an excluded base; where nobody can say, it is. */
function touches(name: Uint8Array, base: Uint8Array): boolean {
  if (inside(name, base) !== false) return true;
  if (name[0] !== tags.dns) return false;
  const [host, top] = [textOf(name), textOf(base)];
  // A wildcard stands for the excluded host itself, too.
  return host.startsWith('*.') && top.slice(top.indexOf('.') + 1) === host.slice(2);
}

/** Undefined: it cannot be said. */
function inside(name: Uint8Array, base: Uint8Array): boolean | undefined {
  const [tag = 0] = name;
  switch (tag) {
    case tags.directory:
      return standsBelow(contentOf(name), contentOf(base));
    case tags.ip:
      return inRange(contentOf(name), contentOf(base));
    case tags.dns:
      return isHostBelow(textOf(name), textOf(base));
    case tags.email:
      return isMailboxBelow(Buffer.from(contentOf(name)).toString('latin1'), Buffer.from(contentOf(base)).toString('latin1'));
    case tags.uri: {
      const host = hostOf(textOf(name));
      return host === undefined ? undefined : isHost(host, textOf(base));
    }
    default:
      return undefined;
  }
}

/** Names of hosts are the same in either case. */
const textOf = (name: Uint8Array) => Buffer.from(contentOf(name)).toString('latin1').toLowerCase();

function inRange(address: Uint8Array, range: Uint8Array): boolean {
  const { length } = address;
  // Of the base, too: others write 10.1.2.3/255.0.0.0 and mean 10.0.0.0.
  const masked = (octets: Uint8Array) => octets.map((octet, index) => octet & (range[length + index] ?? 0));
  return range.length === 2 * length && equalBytes(masked(address), masked(range.slice(0, length)));
}

/**
 * The base itself and everything below it; what begins with a dot, which the RFC does not have for hosts and openssl and NSS read all the
 * same, only below.
 */
function isHostBelow(host: string, base: string): boolean {
  return base === '' || host === base || host.endsWith(base.startsWith('.') ? base : `.${base}`);
}

/** One host, or with a dot in front everything below it. */
const isHost = (host: string, base: string) => (base.startsWith('.') ? host.endsWith(base) : host === base);

function isMailboxBelow(mailbox: string, base: string): boolean {
  const at = mailbox.lastIndexOf('@');
  const host = mailbox.slice(at + 1).toLowerCase();
  const baseAt = base.lastIndexOf('@');
  return baseAt === -1
    ? isHost(host, base.toLowerCase())
    : mailbox.slice(0, at) === base.slice(0, baseAt) && host === base.slice(baseAt + 1).toLowerCase();
}

/** Only the name of a host can be compared. */
function hostOf(uri: string): string | undefined {
  const authority = /^[a-z][-a-z0-9+.]*:\/\/(?:[^/?#@]*@)?([^/?#:[\]]+)(?::\d*)?(?:[/?#]|$)/u.exec(uri)?.[1];
  return authority === undefined ? undefined : asciiHostPattern(authority);
}
