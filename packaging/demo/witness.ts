import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../src/platform/run.js';
import type { NssDatabase } from '../../test/rig/nss-database.js';
import { runAs } from '../../test/rig/run-as.js';
import type { SoftToken } from '../../test/rig/soft-token.js';

/** What tools we did not write say of one nickname on the token. */
export interface Sight {
  readonly nickname: string;
  readonly pem: string;
  readonly serial: string;
  readonly notAfter: Date;
  readonly key: string;
}

/** certutil's reading of the token: every certificate under the nickname, newest first. */
export async function look(token: SoftToken, nss: NssDatabase, nicknames: readonly string[]): Promise<Sight[]> {
  const sights: Sight[] = [];
  for (const nickname of nicknames) {
    const { stdout } = await runAs(
      token.owner,
      'certutil',
      ['-L', '-d', `sql:${nss.database}`, '-h', token.label, '-f', nss.loginFile, '-n', `${token.label}:${nickname}`, '-a'],
      { env: token.environment, cwd: '/' },
    );
    for (const pem of stdout.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? []) {
      const certificate = new X509Certificate(pem);
      sights.push({
        nickname,
        pem,
        serial: certificate.serialNumber.toLowerCase(),
        notAfter: new Date(certificate.validTo),
        key: certificate.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
      });
    }
  }
  return sights;
}

/** CKA_IDs of the private keys, from pkcs11-tool. */
export async function privateKeyIds(token: SoftToken): Promise<string[]> {
  const { stdout } = await runAs(
    token.owner,
    'pkcs11-tool',
    ['--module', token.module, '--token-label', token.label, '--login', '--pin', `env:HSMONGER_DEMO_PIN`, '-O', '--type', 'privkey'],
    {
      env: { ...token.environment, HSMONGER_DEMO_PIN: token.pin },
      cwd: '/',
    },
  );
  return [...stdout.matchAll(/^\s+ID:\s+([0-9a-f]+)$/gmu)].map(([, id]) => id ?? '').sort();
}

/** openssl's verdict on a certificate under the CA. */
export async function opensslVerify(directory: string, ca: Sight, certificate: Sight): Promise<string> {
  const caFile = path.join(directory, 'ca.pem');
  const file = path.join(directory, 'certificate.pem');
  writeFileSync(caFile, `${ca.pem}\n`);
  writeFileSync(file, `${certificate.pem}\n`);
  const { stdout, stderr } = await run('openssl', ['verify', '-x509_strict', '-CAfile', caFile, file], { okExitCodes: [0, 1, 2] });
  return `${stdout}${stderr}`.trim().split('\n').at(-1)?.replace(`${file}: `, '') ?? '';
}

/** Who owns what under a directory: find's words, counted. */
export async function owners(directory: string): Promise<string> {
  const { stdout } = await run('find', [directory, '-printf', '%u:%g\n']);
  const counts = new Map<string, number>();
  for (const owner of stdout.trim().split('\n')) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return [...counts].map(([owner, count]) => `${owner} ${String(count)} files`).join(', ');
}
