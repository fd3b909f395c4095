import { execFileSync } from 'node:child_process';
import { chownSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { randomBytes } from 'node:crypto';
import { runAs } from '../rig/run-as.js';
import { ensureServiceUser } from '../rig/service-user.js';
import type { TrackingRig } from './tracking-rig.js';

export const serverCert = 'Server-Cert cert-pki-ca';
export const raCert = 'ipaCert';

export interface RaFiles {
  readonly certificate: string;
  readonly key: string;
  /** Lines of its [[certificate]] table. */
  readonly lines: readonly string[];
}

/** Key and certificate in the internal database, made by certutil. */
export async function makeServerCert(
  { directory, nss, token }: TrackingRig,
  options: { readonly nickname?: string; readonly subject?: string } = {},
): Promise<void> {
  const { nickname = serverCert, subject = 'CN=server.hsmonger.test,O=HSMONGER.TEST' } = options;
  const owner = ensureServiceUser();
  const noise = path.join(directory, 'noise');
  writeFileSync(noise, randomBytes(64));
  chownSync(noise, owner.uid, owner.gid);
  const to = ['-d', `sql:${nss.database}`, '-f', nss.loginFile, '-z', noise];
  await runAs(
    owner,
    'certutil',
    [
      '-S',
      '-n',
      nickname,
      '-s',
      subject,
      '-x',
      '-t',
      'u,u,u',
      '-v',
      '2',
      '-g',
      '3072',
      '-m',
      String(randomBytes(4).readUInt32BE() >>> 1),
      ...to,
    ],
    { env: token.environment, cwd: '/' },
  );
}

/** What FreeIPA's RA agent has, made by openssl; root's, and nobody else may read the key. */
export function makeRaFiles(directory: string, name = 'ra-agent'): RaFiles {
  const [certificate, key] = [path.join(directory, `${name}.pem`), path.join(directory, `${name}.key`)];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:3072',
      '-nodes',
      '-keyout',
      key,
      '-out',
      certificate,
      '-subj',
      '/O=HSMONGER.TEST/CN=IPA RA',
      '-addext',
      'basicConstraints=critical,CA:FALSE',
      '-days',
      '60',
    ],
    { stdio: 'ignore' },
  );
  return {
    certificate,
    key,
    lines: [`certificate-file = "${certificate}"`, `key-file = "${key}"`, 'owner = "root:pkiuser"', 'mode = "0440"'],
  };
}
