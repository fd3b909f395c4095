import type { Certificate } from '../x509/certificate.js';
import { nameText, sameName } from '../x509/names/name.js';
import { sameKey } from '../x509/public-key.js';
import { again } from './again.js';
import type { Directory, Entry, Modification } from './directory.js';
import { dnKey, sameDn, split } from './dn-text.js';
import { certificatesIn, decimalSerial, holds, textsOf, valuesOf } from './entry-values.js';
import { and, equals, present, startsWith } from './filter.js';
import { authoritiesDn } from './tree.js';

const attribute = 'userCertificate';

/**
 * The Dogtag users a renewed certificate logs in as (pkidbuser, ipara; the KRA has its own below o=kra): Dogtag looks for the description
 * `2;SERIAL;ISSUER;SUBJECT` and then for the certificate among the values (FreeIPA ipaserver/install/cainstance.py, update_people_entry).
 * The description names the latest certificate of that key, so one that two servers' writes left behind is put right; what its names look
 * like stays as Dogtag wrote it.
 */
export function updatePkiUser(
  directory: Directory,
  pkiBase: string,
  certificate: Certificate,
): Promise<'updated' | 'already there' | 'no such user'> {
  return again(async () => {
    const people = await usersIn(directory, pkiBase);
    let found = false;
    let written = false;
    for (const entry of people) {
      const modifications = changesOf(entry, certificate);
      found ||= modifications !== undefined;
      if (modifications === undefined || modifications.length === 0) continue;
      await directory.modify(entry.dn, modifications);
      written = true;
    }
    return written ? 'updated' : found ? 'already there' : 'no such user';
  });
}

/** What an entry of Dogtag's says of a certificate: this one, another one, or there is no entry for its names. */
export type EntryState = 'current' | 'stale' | 'none';

/** Whether the users a certificate logs in as know it; changes nothing. */
export async function pkiUserState(directory: Directory, pkiBase: string, certificate: Certificate): Promise<EntryState> {
  const needed = (await usersIn(directory, pkiBase)).flatMap((entry) => {
    const changes = changesOf(entry, certificate);
    return changes === undefined ? [] : [changes];
  });
  return needed.length === 0 ? 'none' : needed.some((changes) => changes.length > 0) ? 'stale' : 'current';
}

function usersIn(directory: Directory, pkiBase: string): Promise<Entry[]> {
  return directory.search({
    base: pkiBase,
    scope: 'subtree',
    filter: and(equals('objectClass', 'inetOrgPerson'), startsWith('description', '2;')),
    attributes: ['description', attribute],
  });
}

/** What makes the entry right; undefined when it is somebody else's. */
function changesOf(entry: Entry, certificate: Certificate): Modification[] | undefined {
  const keys = { issuer: dnKey(nameText(certificate.issuer)), subject: dnKey(nameText(certificate.subject)) };
  const descriptions = textsOf(entry, 'description');
  const ours = descriptions.flatMap((text) => {
    const [, , issuer, subject, ...rest] = split(text, ';');
    const same =
      issuer !== undefined &&
      subject !== undefined &&
      rest.length === 0 &&
      dnKey(issuer) === keys.issuer &&
      dnKey(subject) === keys.subject;
    return same ? [{ text, names: `${issuer};${subject}` }] : [];
  });
  const [spelling] = ours;
  if (spelling === undefined) return undefined;
  const values = valuesOf(entry, attribute);
  const latest = certificatesIn(values)
    .filter(
      (one) =>
        sameKey(one.spki, certificate.spki) && sameName(one.issuer, certificate.issuer) && sameName(one.subject, certificate.subject),
    )
    .reduce((best, one) => (one.notAfter > best.notAfter ? one : best), certificate);
  const wanted = `2;${decimalSerial(latest)};${spelling.names}`;
  const stale = ours.map(({ text }) => text).filter((text) => text !== wanted);
  return [
    ...(holds(values, certificate.der) ? [] : [{ operation: 'add' as const, attribute, values: [certificate.der] }]),
    ...(stale.length === 0 ? [] : [{ operation: 'delete' as const, attribute: 'description', values: stale }]),
    ...(descriptions.includes(wanted) ? [] : [{ operation: 'add' as const, attribute: 'description', values: [wanted] }]),
  ];
}

/** The serial number Dogtag has for a CA's certificate (update_authority_entry). */
export function updateAuthoritySerial(
  directory: Directory,
  pkiBase: string,
  certificate: Certificate,
): Promise<'updated' | 'already there' | 'no such authority'> {
  return again(async () => {
    const { ours, stale, serial } = await authoritiesOf(directory, pkiBase, certificate);
    for (const entry of stale) {
      const old = textsOf(entry, 'authoritySerial');
      await directory.modify(entry.dn, [
        ...(old.length === 0 ? [] : [{ operation: 'delete' as const, attribute: 'authoritySerial', values: old }]),
        { operation: 'add', attribute: 'authoritySerial', values: [serial] },
      ]);
    }
    return stale.length > 0 ? 'updated' : ours.length > 0 ? 'already there' : 'no such authority';
  });
}

/** Whether the authority of a CA's certificate has its serial number; changes nothing. */
export async function authorityState(directory: Directory, pkiBase: string, certificate: Certificate): Promise<EntryState> {
  const { ours, stale } = await authoritiesOf(directory, pkiBase, certificate);
  return stale.length > 0 ? 'stale' : ours.length > 0 ? 'current' : 'none';
}

async function authoritiesOf(
  directory: Directory,
  pkiBase: string,
  certificate: Certificate,
): Promise<{ readonly ours: Entry[]; readonly stale: Entry[]; readonly serial: string }> {
  const subject = nameText(certificate.subject);
  const authorities = await directory.search({
    base: authoritiesDn(pkiBase),
    scope: 'one',
    filter: and(equals('objectClass', 'authority'), present('authorityDN')),
    attributes: ['authorityDN', 'authoritySerial'],
  });
  const ours = authorities.filter((entry) => textsOf(entry, 'authorityDN').some((text) => sameDn(text, subject)));
  const serial = decimalSerial(certificate);
  return { ours, stale: ours.filter((entry) => !textsOf(entry, 'authoritySerial').includes(serial)), serial };
}
