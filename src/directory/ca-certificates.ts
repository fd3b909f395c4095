import { HsmongerError } from '../errors.js';
import type { Certificate } from '../x509/certificate.js';
import { equalBytes } from '../x509/der.js';
import { nameText, sameName } from '../x509/names/name.js';
import { sameKey } from '../x509/public-key.js';
import { again } from './again.js';
import type { Directory, Entry, Modification } from './directory.js';
import { dnKey, sameDn, split } from './dn-text.js';
import { certificatesIn, decimalSerial, holds, textsOf, valuesOf } from './entry-values.js';
import { equals } from './filter.js';
import { caCertDn, certificatesDn, escapeValue } from './tree.js';

const attribute = 'cACertificate;binary';

/** What the domain trusts: every CA certificate there, but those of a key it says not to trust. */
export async function readCaCertificates(directory: Directory, base: string): Promise<readonly Certificate[]> {
  const trusted = (await entries(directory, base)).filter(
    (entry) => !textsOf(entry, 'ipaKeyTrust').some((trust) => trust.toLowerCase() === 'distrusted'),
  );
  const [compat] = await directory.search({ base: caCertDn(base), scope: 'base', attributes: [attribute] });
  return certificatesIn([...trusted, ...(compat === undefined ? [] : [compat])].flatMap((entry) => valuesOf(entry, attribute)));
}

/**
 * The renewed CA certificate, and what stands above it, for every member of the domain, as FreeIPA keeps it (ipalib/install/certstore.py):
 * one more value of the CA's entry below cn=certificates, and the one value of cn=CAcert where that is this CA's. A later one that is there
 * stays. The CAs above it come first, each with an entry of its own (ipa-cacert-manage renew --external-cert-file). DIRECTORY_INVALID when
 * neither entry is this CA's.
 */
export async function publishCaCertificate(
  directory: Directory,
  base: string,
  certificate: Certificate,
  above: readonly Certificate[] = [],
): Promise<void> {
  for (const authority of above.filter(({ der }) => !equalBytes(der, certificate.der)))
    await again(() => storeAbove(directory, base, authority));
  const stored = await again(() => store(directory, base, certificate));
  const compat = await again(() => replaceCompat(directory, base, certificate, stored === 'compat'));
  if (stored === undefined && !compat)
    throw new HsmongerError(
      'DIRECTORY_INVALID',
      `The directory has no CA certificate of ${nameText(certificate.subject)} below ${certificatesDn(base)}; run ipa-cacert-manage install once.`,
    );
}

/** Named by its subject, and without a word on trust, as ipa-cacert-manage adds it; what an entry that is there says of trust stays. */
async function storeAbove(directory: Directory, base: string, authority: Certificate): Promise<void> {
  if ((await store(directory, base, authority)) !== undefined) return;
  const subject = asFreeIpa(nameText(authority.subject));
  await directory.add(`cn=${escapeValue(subject)},${certificatesDn(base)}`, {
    objectClass: ['top', 'ipaCertificate', 'pkiCA', 'ipaKeyPolicy'],
    cn: [subject],
    ipaCertSubject: [subject],
    ipaCertIssuerSerial: [issuerSerialOf(authority, [])],
    ipaPublicKey: [authority.spki],
    [attribute]: [authority.der],
  });
}

/** 'compat' when the entry is the one whose certificate also stands in cn=CAcert. */
async function store(directory: Directory, base: string, certificate: Certificate): Promise<'compat' | 'stored' | undefined> {
  const subject = nameText(certificate.subject);
  const entry = (await entries(directory, base)).find(
    (one) =>
      textsOf(one, 'ipaCertSubject').some((text) => sameDn(text, subject)) ||
      certificatesIn(valuesOf(one, attribute)).some((old) => sameName(old.subject, certificate.subject)),
  );
  if (entry === undefined) return undefined;
  const issuerSerials = textsOf(entry, 'ipaCertIssuerSerial');
  const issuerSerial = issuerSerialOf(certificate, issuerSerials);
  const additions: Modification[] = [
    ...(issuerSerials.some((text) => text.toLowerCase() === issuerSerial.toLowerCase())
      ? []
      : [{ operation: 'add' as const, attribute: 'ipaCertIssuerSerial', values: [issuerSerial] }]),
    ...(holds(valuesOf(entry, 'ipaPublicKey'), certificate.spki)
      ? []
      : [{ operation: 'add' as const, attribute: 'ipaPublicKey', values: [certificate.spki] }]),
    ...(holds(valuesOf(entry, attribute), certificate.der) ? [] : [{ operation: 'add' as const, attribute, values: [certificate.der] }]),
  ];
  if (additions.length > 0) await directory.modify(entry.dn, additions);
  return textsOf(entry, 'ipaConfigString').some((text) => text.toLowerCase() === 'compatca') ? 'compat' : 'stored';
}

/** Gives whether cn=CAcert holds this CA's certificate now: this one, or a later one of the same key. */
async function replaceCompat(directory: Directory, base: string, certificate: Certificate, ours: boolean): Promise<boolean> {
  const dn = caCertDn(base);
  const [entry] = await directory.search({ base: dn, scope: 'base', attributes: [attribute] });
  if (entry === undefined) {
    if (ours) await directory.add(dn, { objectClass: ['top', 'nsContainer', 'pkiCA'], cn: ['CAcert'], [attribute]: [certificate.der] });
    return ours;
  }
  const there = valuesOf(entry, attribute);
  const same = certificatesIn(there).filter((old) => sameName(old.subject, certificate.subject));
  if (same.length === 0 && !ours) return false;
  if (same.some((old) => sameKey(old.spki, certificate.spki) && old.notAfter > certificate.notAfter)) return true;
  const old = there.filter((value) => !equalBytes(value, certificate.der));
  const modifications: Modification[] = [
    ...(old.length === 0 ? [] : [{ operation: 'delete' as const, attribute, values: old }]),
    ...(holds(there, certificate.der) ? [] : [{ operation: 'add' as const, attribute, values: [certificate.der] }]),
  ];
  if (modifications.length > 0) await directory.modify(dn, modifications);
  return true;
}

function entries(directory: Directory, base: string): Promise<Entry[]> {
  return directory.search({
    base: certificatesDn(base),
    scope: 'one',
    filter: equals('objectClass', 'ipaCertificate'),
    attributes: ['ipaCertSubject', 'ipaCertIssuerSerial', 'ipaPublicKey', 'ipaKeyTrust', 'ipaConfigString', attribute],
  });
}

/** `issuer;serial`, the issuer spelt as the entry spells it already. */
function issuerSerialOf(certificate: Certificate, others: readonly string[]): string {
  const key = dnKey(nameText(certificate.issuer));
  const spelt = others.map((text) => split(text, ';')[0] ?? '').find((text) => key !== undefined && dnKey(text) === key);
  return `${spelt ?? asFreeIpa(nameText(certificate.issuer))};${decimalSerial(certificate)}`;
}

/** As python-ldap writes names: no escape for '='; and certstore.py's own for ';'. */
function asFreeIpa(text: string): string {
  return text.replace(/\\(.)/gsu, (whole, character: string) => ({ '=': '=', ';': '\\3b' })[character] ?? whole);
}
