import { readServerText } from './server-file.js';

export const versionFile = '/usr/share/pki/VERSION';
const configFile = '/etc/pki/pki-tomcat/ca/CS.cfg';

/**
 * Major and minor number of what `Specification-Version: 11.5.0` or `Implementation-Version:` says (pki,
 * base/common/python/pki/__init__.py); undefined where neither does.
 */
export function parsePkiVersion(text: string): readonly [major: number, minor: number] | undefined {
  for (const key of ['specification', 'implementation']) {
    const found = new RegExp(`^\\s*${key}-version\\s*:\\s*(\\d{1,4})\\.(\\d{1,4})`, 'imu').exec(text);
    if (found !== null) return [Number(found[1]), Number(found[2])];
  }
  return undefined;
}

/**
 * Whether the server keeps copies of its certificates in CS.cfg, as PKI before 11.5 does; where no version is to be found, CS.cfg itself is
 * asked.
 */
export function keepsCertificatesInConfig(root: string): boolean {
  const version = parsePkiVersion(readServerText(root, versionFile) ?? '');
  if (version === undefined) return /^ca\.signing\.cert=/mu.test(readServerText(root, configFile) ?? '');
  const [major, minor] = version;
  return major < 11 || (major === 11 && minor < 5);
}
