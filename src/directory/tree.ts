/**
 * Where things stand in FreeIPA's tree (ipalib/constants.py, ipaserver/install/cainstance.py), and in Dogtag's. `base` is FreeIPA's
 * $SUFFIX.
 */

/** The CA's own entry: subject and HSM. */
export const caEntryDn = (base: string): string => `cn=ipa,cn=cas,cn=ca,${base}`;
/** One entry for each server, one below it for each of its services. */
export const mastersDn = (base: string): string => `cn=masters,cn=ipa,cn=etc,${base}`;
export const caServiceDn = (base: string, host: string): string => `cn=CA,cn=${escapeValue(host)},${mastersDn(base)}`;
/** Where the renewal master puts what the other servers take. */
export const renewalsDn = (base: string): string => `cn=ca_renewal,cn=ipa,cn=etc,${base}`;
export const renewalDn = (base: string, nickname: string): string => `cn=${escapeValue(nickname)},${renewalsDn(base)}`;
/** What every member of the domain trusts. */
export const certificatesDn = (base: string): string => `cn=certificates,cn=ipa,cn=etc,${base}`;
/** The CA's certificate where old clients look for it. */
export const caCertDn = (base: string): string => `cn=CAcert,cn=ipa,cn=etc,${base}`;
/** Dogtag's CAs: the host authority and the lightweight ones. */
export const authoritiesDn = (pkiBase: string): string => `ou=authorities,ou=ca,${pkiBase}`;

/** RFC 4514 §2.4; control characters too, which would not survive an LDIF reader's line. */
export function escapeValue(value: string): string {
  return value
    .replace(/[\\"+,;<>=]/gu, '\\$&')
    .replace(/^[ #]|(?<=.) $|^ $/gu, '\\$&')
    .replace(/\p{Cc}/gu, (character) => [...Buffer.from(character)].map((octet) => `\\${octet.toString(16).padStart(2, '0')}`).join(''));
}
