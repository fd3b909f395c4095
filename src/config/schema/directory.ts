import * as v from 'valibot';
import type { DirectoryBind, DirectoryConfig } from '../instance.js';
import { absolute, hostName, text, wrong } from './values.js';

/** What [directory] takes as its server. */
export function isDirectoryUri(value: string): boolean {
  return /^ldapi:\/\/%2[Ff][^/?]+$/u.test(value) || (/^ldaps?:\/\/[^/?@]+\/?$/u.test(value) && URL.canParse(value));
}

/** [directory]. */
export const directoryTable = v.strictObject({
  uri: v.pipe(text, v.check(isDirectoryUri, 'must be ldapi://%2Fpath%2Fof.socket, ldaps://HOST[:PORT] or ldap://HOST[:PORT]')),
  'start-tls': v.optional(v.boolean(), false),
  'ca-file': v.optional(absolute),
  bind: v.picklist(['external', 'simple', 'gssapi']),
  'bind-dn': v.optional(text),
  'password-file': v.optional(absolute),
  keytab: v.optional(absolute),
  principal: v.optional(text),
  base: text,
  'pki-base': v.optional(text, 'o=ipaca'),
  host: hostName,
});

type DirectoryTable = v.InferOutput<typeof directoryTable>;

export function directoryOf(file: string, directory: DirectoryTable): DirectoryConfig {
  const socket = directory.uri.startsWith('ldapi:');
  const startTls = directory['start-tls'];
  if (startTls && !directory.uri.startsWith('ldap:'))
    throw wrong(file, 'directory.start-tls', 'is for ldap:// alone: ldaps:// and ldapi:// are safe without');
  return {
    uri: directory.uri,
    startTls,
    ...(directory['ca-file'] === undefined ? {} : { caFile: directory['ca-file'] }),
    bind: bindOf(file, directory, socket || startTls || directory.uri.startsWith('ldaps:')),
    base: directory.base,
    pkiBase: directory['pki-base'],
    host: directory.host,
  };
}

/** Each way of binding wants its own keys and no others. */
function bindOf(file: string, directory: DirectoryTable, confidential: boolean): DirectoryBind {
  const { bind, 'bind-dn': dn, 'password-file': passwordFile, keytab, principal } = directory;
  const stray = { external: [dn, passwordFile, keytab, principal], simple: [keytab, principal], gssapi: [dn, passwordFile] }[bind];
  if (stray.some((value) => value !== undefined))
    throw wrong(
      file,
      'directory.bind',
      `is "${bind}", which goes with ${{ external: 'no other key', simple: 'bind-dn and password-file alone', gssapi: 'keytab and principal alone' }[bind]}`,
    );
  switch (bind) {
    case 'external':
      if (!directory.uri.startsWith('ldapi:')) throw wrong(file, 'directory.bind', 'is "external", which works over ldapi:// alone');
      return { method: 'external' };
    case 'simple':
      if (dn === undefined || passwordFile === undefined)
        throw wrong(file, 'directory', 'must name bind-dn and password-file where bind is "simple"');
      if (!confidential)
        throw wrong(
          file,
          'directory.bind',
          'is "simple", which would send the password in clear: use ldaps://, ldapi:// or start-tls = true',
        );
      return { method: 'simple', dn, passwordFile };
    case 'gssapi':
      return { method: 'gssapi', keytab: keytab ?? '/etc/krb5.keytab', ...(principal === undefined ? {} : { principal }) };
  }
}
