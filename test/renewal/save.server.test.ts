import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { SaveReport } from '../../src/renewal/save.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { audit, ca, savingRig, subsystem, type SavingRig } from './saving-rig.js';

// Each test starts a dozen processes; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 240_000 });

let rig: SavingRig;
afterEach(() => {
  rig.remove();
});

const serialOf = (der: Buffer) => new X509Certificate(der).serialNumber.toLowerCase();

async function report(nickname: string, change?: Parameters<SavingRig['act']>[1]): Promise<SaveReport> {
  const answer = await rig.act({ action: 'after', nickname }, change);
  if ('code' in answer) throw new Error(`${answer.code}: ${answer.message}`);
  return answer.value as SaveReport;
}

describe.each([
  { name: 'without a password', options: {} },
  { name: 'with a password of its own', options: { password: 'internal secret 1' } },
  { name: 'in FIPS mode', options: { password: 'Internal-secret-1', fips: true } },
])('an internal database $name', ({ options }) => {
  test('a renewed certificate is proven, trusted as its profile asks, and alone under its nickname everywhere', async () => {
    rig = await savingRig(options);
    const keys = await rig.objects('privkey');
    expect(await rig.act({ action: 'before', nickname: ca })).toEqual({ value: [] });
    const renewed = await rig.renew(ca);
    await rig.copyToDatabase(ca, renewed);
    const old = rig.old.certificate(ca).der;
    expect((await rig.listed()).token.filter((line) => line.includes(ca))).toHaveLength(2);

    const saved = await report(ca);

    expect(saved.warnings).toEqual([]);
    expect(saved.steps).toEqual([
      'located',
      'proven',
      'trusted',
      'archived',
      'removed from token',
      'removed from database',
      'checked',
      'done',
    ]);
    expect(saved.newCertificate.serial).toContain(serialOf(renewed));
    expect(saved.removed).toHaveLength(1);
    const kept = saved.removed[0]!.file;
    expect(new X509Certificate(readFileSync(kept)).raw.equals(old)).toBe(true);
    expect(statSync(kept).mode & 0o777).toBe(0o600);

    const auditDer = await rig.renew(audit);
    const subsystemDer = await rig.renew(subsystem);
    expect([auditDer, subsystemDer].every((der) => der.length > 0)).toBe(true);
    await report(audit);
    await report(subsystem);

    const { token, internal } = await rig.listed();
    const label = rig.token.label;
    expect(token).toEqual(
      [
        `${label}:${audit} u,u,Pu`,
        `${label}:${ca} CTu,Cu,Cu`,
        `${label}:ocspSigningCert cert-pki-ca u,u,u`,
        `${label}:${subsystem} u,u,u`,
      ].sort(),
    );
    expect(internal).toEqual(expect.arrayContaining([`${audit} ,,P`, `${ca} CT,C,C`, `${subsystem} ,,`]));
    expect(internal.filter((line) => line.startsWith(ca))).toHaveLength(1);
    const stored = await rig.nssutils('certutil', '-L', '-d', `sql:${rig.nss.database}`, '-n', ca, '-r');
    expect(stored).not.toBe('');
    expect(await rig.objects('privkey')).toEqual(keys);
    expect(await rig.objects('cert')).toHaveLength(4);
    const { uid } = ensureServiceUser();
    for (const directory of [rig.nss.database, rig.token.tokenDirectory, rig.stateDirectory]) {
      for (const file of readdirSync(directory, { recursive: true })) expect(statSync(path.join(directory, String(file))).uid).toBe(uid);
    }
    expect(await rig.act({ action: 'unfinished' })).toEqual({ value: [] });
  });
});
