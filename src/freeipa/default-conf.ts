import { HsmongerError } from '../errors.js';
import { parseIni, type IniSection } from './ini.js';
import { onServer, readServerText } from './server-file.js';

/** What FreeIPA's own configuration says of this server (ipalib/constants.py, ipaserver/install/server/install.py). */
export interface DefaultConf {
  /** Fully qualified, lower case. */
  readonly host: string;
  readonly realm: string;
  /** $SUFFIX. */
  readonly base: string;
  /** Only where it names a Unix socket. */
  readonly ldapi?: string;
  /** The CA's server; another one where this server has no CA. */
  readonly caHost: string;
}

export const defaultConfFile = '/etc/ipa/default.conf';

/** Reads /etc/ipa/default.conf; FREEIPA_INVALID where this is no IPA server or the file lacks what every server has. */
export function readDefaultConf(root: string): DefaultConf {
  const text = readServerText(root, defaultConfFile);
  if (text === undefined)
    throw new HsmongerError(
      'FREEIPA_INVALID',
      `There is no ${onServer(root, defaultConfFile)}: this is no IPA server; use 'hsmonger setup' without --freeipa.`,
    );
  return parseDefaultConf(text, onServer(root, defaultConfFile));
}

/** `file` is for messages. */
export function parseDefaultConf(text: string, file: string): DefaultConf {
  const global: IniSection = parseIni(text).get('global') ?? new Map<string, string>();
  const wanted = (key: string, shape: RegExp): string => {
    const value = global.get(key);
    if (value === undefined || value === '')
      throw new HsmongerError('FREEIPA_INVALID', `${file} has no '${key}' in [global]; is the IPA server installed completely?`);
    if (!shape.test(value))
      throw new HsmongerError('FREEIPA_INVALID', `In ${file}: '${key}' is ${JSON.stringify(value.slice(0, 100))}, which cannot be right.`);
    return value;
  };
  const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/u;
  const host = wanted('host', hostName).toLowerCase();
  const ldapUri = global.get('ldap_uri');
  return {
    host,
    realm: wanted('realm', /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/u),
    base: wanted('basedn', /^[^\p{Cc}]*=[^\p{Cc}]*$/u),
    ...(ldapUri !== undefined && /^ldapi:\/\/%2[Ff][^/?]+$/u.test(ldapUri) ? { ldapi: ldapUri } : {}),
    caHost: global.get('ca_host') === undefined ? host : wanted('ca_host', hostName).toLowerCase(),
  };
}

/** 389-ds's socket as ipa-server-install names the instance: the realm's dots become dashes. */
export function ldapiUri(root: string, { realm, ldapi }: Pick<DefaultConf, 'realm' | 'ldapi'>): string {
  return ldapi ?? `ldapi://${encodeURIComponent(onServer(root, `/run/slapd-${realm.replace(/\./gu, '-')}.socket`))}`;
}
