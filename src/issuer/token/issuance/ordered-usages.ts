import type { ProfileName } from '../../../config/profile-names.js';
import { HsmongerError } from '../../../errors.js';
import type { Extension } from '../../../x509/certificate.js';
import { extendedKeyUsageExtension, extendedKeyUsages } from '../../../x509/extensions/extensions.js';
import type { NetscapeUse } from '../../../x509/extensions/netscape.js';
import { usageText } from '../../../x509/extensions/usage-text.js';
import { oids } from '../../../x509/oids.js';
import type { IssuePolicy, Profile } from '../../profiles.js';

/** What certificates of a profile are of no use without. */
const kept: Partial<Readonly<Record<ProfileName, string>>> = { caOCSPCert: oids.ocspSigning, caServerCert: oids.serverAuth };

/** Why certificates of this profile cannot be given these extended key usages (dotted), as PROFILE_MISMATCH. */
export function assertUsagesFit({ name, ca }: Pick<Profile, 'name' | 'ca'>, usages: readonly string[]): void {
  const refused = (message: string) => new HsmongerError('PROFILE_MISMATCH', message);
  if (ca) throw refused('A CA is issued without extended key usages, which would be limits of everything below it; leave --eku out.');
  const own = kept[name];
  if (own !== undefined && !usages.includes(own))
    throw refused(
      `A certificate of profile ${name} is of no use without ${usageText(own)}; name it in --eku too, or choose another --profile.`,
    );
  // RFC 6960 §4.2.2.2: whoever has it answers for the CA.
  if (name !== 'caOCSPCert' && usages.includes(oids.ocspSigning))
    throw refused(`Who has OCSPSigning answers for the CA whether a certificate is revoked, so it goes with --profile ocsp alone.`);
  if (usages.includes(oids.timeStamping) && usages.length > 1)
    throw refused('timeStamping stands alone in a certificate (RFC 3161 §2.3); leave the other extended key usages out, or ask for two.');
}

/** The extension; critical where RFC 3161 §2.3 wants it. None for no usages. */
export function usageExtensions(usages: readonly string[]): Extension[] {
  return usages.length === 0 ? [] : [extendedKeyUsageExtension(usages, usages.includes(oids.timeStamping))];
}

const netscape: Readonly<Record<string, NetscapeUse>> = {
  [oids.serverAuth]: 'server',
  [oids.clientAuth]: 'client',
  [oids.emailProtection]: 'email',
  [oids.codeSigning]: 'objsign',
};

/** The profile's policy, with the usages that were ordered in place of its own. */
export function withUsages(policy: IssuePolicy, usages: readonly string[] | undefined): IssuePolicy {
  if (usages === undefined) return policy;
  // RFC 5280 §4.2.1.12 names the key usages that are consistent with it, and OpenSSL takes no others.
  const keyUsage = usages.includes(oids.timeStamping)
    ? policy.keyUsage.filter((usage) => usage === 'digitalSignature' || usage === 'nonRepudiation')
    : policy.keyUsage;
  return { ...policy, keyUsage, extendedKeyUsage: usages, netscape: usages.flatMap((oid) => netscape[oid] ?? []) };
}

/** What the request asks for and its certificate does not get, where nobody has said what it is to get. */
export function withheldUsages(
  asked: readonly Extension[],
  { profile, extendedKeyUsage }: { readonly profile: Profile; readonly extendedKeyUsage?: readonly string[] },
): string[] {
  if (profile.ca || extendedKeyUsage !== undefined) return [];
  const given = profile.issue?.extendedKeyUsage ?? [];
  return extendedKeyUsages(asked).filter((oid) => !given.includes(oid));
}
