import type { KeyUsage } from '../x509/extensions.js';
import { oids } from '../x509/oids.js';
import type { ProfileName } from '../config/profile-names.js';

/** What a profile asks of a certificate. On a renewal the old certificate's extensions come first; `requires` is added where it lacks it. */
export interface Profile {
  readonly name: ProfileName;
  /** Lifetime, unless the instance file says otherwise. */
  readonly days: number;
  /** Issues CA certificates; the others never do. */
  readonly ca: boolean;
  readonly requires: {
    /** Extended key usages, dotted. */
    readonly extendedKeyUsage: readonly string[];
    readonly ocspNoCheck: boolean;
  };
  /** How a certificate is issued that renews none; a profile without refuses that. */
  readonly first?: { readonly keyUsage: readonly KeyUsage[]; readonly extendedKeyUsage: readonly string[] };
}

/** Dogtag's lifetimes (base/ca/shared/profiles/ca/*.cfg, validityDefault range). */
const caDays = 7305;
const otherDays = 720;

const nothing = { extendedKeyUsage: [], ocspNoCheck: false } as const;
const system = (name: ProfileName): Profile => ({ name, days: otherDays, ca: false, requires: nothing });

/** Named as Dogtag's. */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  caCACert: { name: 'caCACert', days: caDays, ca: true, requires: nothing },
  // Without the first no client believes its answers, without the second clients ask it about itself (RFC 6960 §4.2.2.2).
  caOCSPCert: { name: 'caOCSPCert', days: otherDays, ca: false, requires: { extendedKeyUsage: [oids.ocspSigning], ocspNoCheck: true } },
  caSignedLogCert: system('caSignedLogCert'),
  caSubsystemCert: system('caSubsystemCert'),
  caServerCert: {
    ...system('caServerCert'),
    first: { keyUsage: ['digitalSignature', 'keyEncipherment'], extendedKeyUsage: [oids.serverAuth, oids.clientAuth] },
  },
  caAuditSigningCert: system('caAuditSigningCert'),
  caTransportCert: system('caTransportCert'),
  caStorageCert: system('caStorageCert'),
};
