/**
 * Names as text: three programs write the same name in three ways (`O=A, CN=b`, escapes, the case of the types), so texts are compared
 * by what they say. Only for comparing texts; certificates' own names are compared as DER (x509/names/name.ts).
 */

/** RFC 4514 §3, RFC 2253 §2.3 and what older programs write. */
const aliases: Readonly<Record<string, string>> = {
  '2.5.4.3': 'cn',
  '2.5.4.10': 'o',
  '2.5.4.11': 'ou',
  '2.5.4.6': 'c',
  commonname: 'cn',
  organizationname: 'o',
  organizationalunitname: 'ou',
  countryname: 'c',
  domaincomponent: 'dc',
  emailaddress: 'e',
  email: 'e',
  mail: 'e',
  '1.2.840.113549.1.9.1': 'e',
  s: 'st',
  stateorprovincename: 'st',
  localityname: 'l',
  userid: 'uid',
};

/** The same for two texts of one name; undefined for what is no name. */
export function dnKey(text: string): string | undefined {
  const rdns = split(text, ',').map((rdn) => split(rdn, '+').map(assertionKey));
  if (rdns.some((rdn) => rdn.some((assertion) => assertion === undefined))) return undefined;
  return JSON.stringify(rdns.map((rdn) => rdn.toSorted()));
}

export function sameDn(left: string, right: string): boolean {
  const key = dnKey(left);
  return key !== undefined && key === dnKey(right);
}

/** Splits at a separator that is neither escaped nor quoted. */
export function split(text: string, separator: string): string[] {
  const parts = [''];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '\\') {
      parts.push(`${parts.pop() ?? ''}${text.slice(at, at + 2)}`);
      at++;
      continue;
    }
    if (character === '"') quoted = !quoted;
    if (character === separator && !quoted) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${character}`);
  }
  return parts;
}

function assertionKey(text: string): string | undefined {
  const [, type, value] = /^\s*(?:oid\.)?([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\s*=(.*)$/isu.exec(text) ?? [];
  if (type === undefined || value === undefined) return undefined;
  const name = type.toLowerCase();
  return `${aliases[name] ?? name}=${unescape(value).normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim()}`;
}

function unescape(value: string): string {
  const trimmed = value.trim();
  const bare = /^".*"$/su.test(trimmed) ? trimmed.slice(1, -1) : trimmed;
  return bare.replace(
    /(?:\\[0-9A-Fa-f]{2})+|\\(.)/gsu,
    (whole, character: string | undefined) => character ?? Buffer.from(whole.replaceAll('\\', ''), 'hex').toString(),
  );
}
