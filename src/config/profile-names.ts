/** The profiles' names, apart from what they say: certmonger asks for the list at every start (design rule 9). */
export const profileNames = [
  'caCACert',
  'caOCSPCert',
  'caSignedLogCert',
  'caSubsystemCert',
  'caServerCert',
  'caUserCert',
  'caAuditSigningCert',
  'caTransportCert',
  'caStorageCert',
] as const;

export type ProfileName = (typeof profileNames)[number];

/** Used when a request names none. */
export const defaultProfile: ProfileName = 'caServerCert';

export function isProfileName(name: string): name is ProfileName {
  return (profileNames as readonly string[]).includes(name);
}
