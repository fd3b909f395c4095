import type { CertificateConfig, Instance } from '../config/instance.js';
import type { FollowUp, SavingStep } from '../ledger/journal.js';
import { systemCertificates } from '../freeipa/system-certificates.js';
import type { Certificate } from '../x509/certificate.js';
import { isSelfSigned } from '../x509/path.js';

/** One directive of a CS.cfg that holds the certificate. */
export interface ConfigPlace {
  readonly file: 'ca' | 'kra';
  readonly directive: string;
}

/** The CA's copy of the KRA's transport certificate: no copy of a certificate of its own, so every version of PKI keeps it in CS.cfg. */
const connector = 'ca.connector.KRA.transportCert';

/** Every step of saving this certificate, in order: what is not in it is neither done nor waited for. `chained`: see hasChain(). */
export function stepsFor(instance: Instance, certificate: CertificateConfig, chained: boolean): SavingStep[] {
  return [
    'announced',
    'located',
    'proven',
    ...keeping(certificate),
    ...followUpsFor(instance, certificate, chained),
    'checked',
    'in service',
    'done',
  ];
}

/** What follows once the certificate is proven, each by itself. */
export function followUpsFor(instance: Instance, certificate: CertificateConfig, chained: boolean): FollowUp[] {
  const { profile, authority } = certificate;
  return [
    ...(chained ? (['chain trusted'] as const) : []),
    ...(configPlaces(instance, certificate).length === 0 ? [] : (['configured'] as const)),
    ...(instance.directory === undefined ? [] : entriesOf(profile, authority)),
  ];
}

/**
 * Whether it is a CA's own certificate that another CA has signed: Dogtag's self-test validates it in the NSS database, so what stands
 * above it has to be there, and trusted (FreeIPA renew_ca_cert.in). A lightweight CA's stands below the CA's, which is there.
 */
export function hasChain(
  { profile, authority, storage }: Pick<CertificateConfig, 'profile' | 'authority' | 'storage'>,
  certificate: Certificate,
): boolean {
  return profile === 'caCACert' && authority === undefined && storage.kind !== 'file' && !isSelfSigned(certificate);
}

/** Where Dogtag's own files hold the certificate, as far as they are ours to change. */
export function configPlaces({ pki }: Pick<Instance, 'pki'>, { nickname }: Pick<CertificateConfig, 'nickname'>): ConfigPlace[] {
  if (pki === undefined) return [];
  const known = systemCertificates.find((one) => one.nickname === nickname)?.directives ?? [];
  return known.filter(({ directive }) => pki.certificatesInConfig || directive === connector);
}

/** The unit that must not run while the certificate is saved, and runs with it afterwards. What lies in files, it does not read. */
export function serverOf({ pki }: Pick<Instance, 'pki'>, { storage }: Pick<CertificateConfig, 'storage'>): string | undefined {
  return storage.kind === 'file' ? undefined : pki?.unit;
}

function keeping({ storage }: CertificateConfig): SavingStep[] {
  switch (storage.kind) {
    case 'token':
      return ['trusted', 'archived', 'removed from token', 'removed from database'];
    case 'internal':
      return ['trusted', 'archived', 'removed from database'];
    case 'file':
      return ['archived'];
  }
}

/** In which of Dogtag's entries the certificate stands; none of most. */
export function hasEntry({ profile, authority }: Pick<CertificateConfig, 'profile' | 'authority'>): 'users' | 'authorities' | undefined {
  const steps = entriesOf(profile, authority);
  return steps.includes('users updated') ? 'users' : steps.includes('authority updated') ? 'authorities' : undefined;
}

/**
 * Dogtag knows its users by their certificates' serial numbers, its authorities by their own; the CA's certificate is what everybody trusts
 * (FreeIPA renew_ca_cert.in, renew_ra_cert.in).
 */
function entriesOf(profile: string, authority: string | undefined): FollowUp[] {
  switch (profile) {
    case 'caSubsystemCert':
      return ['users updated'];
    case 'caCACert':
      return authority === undefined ? ['authority updated', 'published'] : ['authority updated'];
    default:
      return [];
  }
}
