import type { KeyUsage } from '../x509/extensions/extensions.js';
import type { NetscapeUse } from '../x509/extensions/netscape.js';
import { oids } from '../x509/oids.js';
import type { ProfileName } from '../config/profile-names.js';

/**
 * What a profile asks of a certificate. On a renewal the old certificate's extensions come first; `requires` is added where it lacks it.
 */
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
  /** How certmonger's helper issues a certificate that renews none; by a profile without it renews only. */
  readonly first?: IssuePolicy;
  /** How an administrator has a certificate issued; a profile without is for renewals alone. */
  readonly issue?: IssuePolicy;
}

/** What a certificate that renews none is for. */
export interface IssuePolicy {
  /** As for an RSA key. */
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage: readonly string[];
  /** The same in Netscape's words, where the CA writes them. */
  readonly netscape: readonly NetscapeUse[];
}

/** Dogtag's lifetimes (base/ca/shared/profiles/ca/*.cfg, validityDefault range). */
const caDays = 7305;
const otherDays = 720;

const nothing = { extendedKeyUsage: [], ocspNoCheck: false } as const;
const system = (name: ProfileName): Profile => ({ name, days: otherDays, ca: false, requires: nothing });

const user: IssuePolicy = {
  keyUsage: ['digitalSignature', 'nonRepudiation', 'keyEncipherment'],
  extendedKeyUsage: [oids.clientAuth, oids.emailProtection],
  netscape: ['client', 'email'],
};
const log: IssuePolicy = { keyUsage: ['digitalSignature', 'nonRepudiation'], extendedKeyUsage: [], netscape: [] };

/** Named as Dogtag's. */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  caCACert: {
    name: 'caCACert',
    days: caDays,
    ca: true,
    requires: nothing,
    issue: { keyUsage: ['digitalSignature', 'keyCertSign', 'cRLSign'], extendedKeyUsage: [], netscape: ['sslCA', 'emailCA', 'objCA'] },
  },
  caOCSPCert: {
    ...system('caOCSPCert'),
    // Without the first no client believes its answers, without the second clients ask it about itself (RFC 6960 §4.2.2.2).
    requires: { extendedKeyUsage: [oids.ocspSigning], ocspNoCheck: true },
    issue: { keyUsage: ['digitalSignature'], extendedKeyUsage: [oids.ocspSigning], netscape: [] },
  },
  caSignedLogCert: { ...system('caSignedLogCert'), issue: log },
  caSubsystemCert: {
    ...system('caSubsystemCert'),
    issue: { keyUsage: ['digitalSignature', 'keyEncipherment'], extendedKeyUsage: [oids.clientAuth], netscape: ['client'] },
  },
  caServerCert: {
    ...system('caServerCert'),
    // A host that certmonger asks for is a client too, of the directory for one.
    first: {
      keyUsage: ['digitalSignature', 'keyEncipherment'],
      extendedKeyUsage: [oids.serverAuth, oids.clientAuth],
      netscape: ['server', 'client'],
    },
    issue: { keyUsage: ['digitalSignature', 'keyEncipherment'], extendedKeyUsage: [oids.serverAuth], netscape: ['server'] },
  },
  caUserCert: { ...system('caUserCert'), issue: user },
  caAuditSigningCert: { ...system('caAuditSigningCert'), issue: log },
  caTransportCert: system('caTransportCert'),
  caStorageCert: system('caStorageCert'),
};
