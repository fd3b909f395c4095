import { existsSync } from 'node:fs';
import path from 'node:path';

/** Where vendors and distributions put their PKCS#11 modules; only a start for the question, never taken unasked when there are two. */
const modules = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/safenet/lunaclient/lib/libCryptoki2_64.so',
  '/usr/lunasa/lib/libCryptoki2_64.so',
  '/opt/nfast/toolkits/pkcs11/libcknfast.so',
  '/opt/utimaco/lib/libcs_pkcs11_R3.so',
  '/opt/cloudhsm/lib/libcloudhsm_pkcs11.so',
  '/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so',
  '/usr/lib64/opensc-pkcs11.so',
  '/usr/lib/x86_64-linux-gnu/pkcs11/yubihsm_pkcs11.so',
  '/usr/lib64/pkcs11/yubihsm_pkcs11.so',
  '/usr/lib64/pkcs11/libkryoptic_pkcs11.so',
  '/usr/lib64/pkcs11/PKCS11_API.so64',
];

/** Dogtag's instances: pki-tomcat is pkispawn's and FreeIPA's default. */
const databases = ['/etc/pki/pki-tomcat/alias'];

export function moduleCandidates(exists: (file: string) => boolean = existsSync): string[] {
  return modules.filter(exists);
}

/** NSS databases in sql format. */
export function databaseCandidates(exists: (file: string) => boolean = existsSync): string[] {
  return databases.filter((directory) => exists(path.join(directory, 'cert9.db')));
}

/** The PIN file setup looks for when none is named. */
export function pinFileCandidates(config: string, instance: string, exists: (file: string) => boolean = existsSync): string[] {
  return [path.join(config, `${instance}.pin`)].filter(exists);
}
