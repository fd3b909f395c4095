/**
 * What is to be true of a site at rest, seen by tools we did not write: certutil, pkcs11-tool, openssl, ldapsearch, Dogtag's own
 * self-tests.
 */
import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, vi } from 'vitest';
import { theCa, type SystemCertificate } from '../../src/freeipa/system-certificates.js';
import { base } from '../rig/dogtag/freeipa-tree.js';
import { pkiBase } from '../rig/dogtag/pkispawn.js';
import type { DogtagSite } from '../rig/dogtag/site.js';

/** The one certificate under the nickname. */
export async function only(site: DogtagSite, certificate: SystemCertificate): Promise<X509Certificate> {
  const held = await site.held(certificate);
  expect(held, certificate.nickname).toHaveLength(1);
  return held[0]!;
}

/** CA and KRA run, no self-test of their last start failed, and the token holds the keys it held. */
export async function expectHealthy(site: DogtagSite, keys: readonly string[]): Promise<void> {
  await site.untilQuiet();
  await site.rig.untilRunning();
  for (const subsystem of ['ca', 'kra'] as const) await expectSelfTestsPassed(site.rig, subsystem);
  expect(await site.rig.privateKeys()).toEqual(keys);
}

/** Of the last start. Dogtag writes their log some seconds after they ran (selftests.container.logger.flushInterval). */
export async function expectSelfTestsPassed(rig: Pick<DogtagSite['rig'], 'selfTests'>, subsystem: 'ca' | 'kra'): Promise<void> {
  await vi.waitUntil(() => /ran SUCCESSFULLY|FAILED/u.test(rig.selfTests(subsystem)), { timeout: 30_000, interval: 250 });
  expect(rig.selfTests(subsystem)).toContain('ran SUCCESSFULLY at startup');
  expect(rig.selfTests(subsystem)).not.toContain('FAILED');
}

/** What CS.cfg has under the directive. */
export function configured(site: DogtagSite, subsystem: string, directive: string): string | undefined {
  return new RegExp(`^${directive.replaceAll('.', '\\.')}=(.*)$`, 'mu').exec(
    readFileSync(path.join(site.rig.instance, subsystem, 'CS.cfg'), 'utf8'),
  )?.[1];
}

/** Everywhere Dogtag and FreeIPA keep a copy of the certificate, or its serial number, it is this one. */
export async function expectKnown(
  site: DogtagSite,
  { nickname, shared, directives, subject }: SystemCertificate,
  certificate: X509Certificate,
): Promise<void> {
  const encoded = certificate.raw.toString('base64');
  const serial = BigInt(`0x${certificate.serialNumber}`).toString();
  for (const { file, directive } of directives) expect(configured(site, file, directive), directive).toBe(encoded);
  if (shared)
    expect(valuesOf(await site.search('-b', `cn=${nickname},cn=ca_renewal,cn=ipa,cn=etc,${base}`, 'userCertificate'))).toEqual([encoded]);
  const user = { 'subsystemCert cert-pki-ca': 'pkidbuser', ipaCert: 'ipara' }[nickname];
  if (user !== undefined) {
    const entry = await site.search('-b', pkiBase, `(uid=${user})`, 'description', 'userCertificate');
    expect(entry).toMatch(new RegExp(`^description: 2;${serial};`, 'mu'));
    expect(valuesOf(entry)).toContain(encoded);
  }
  if (subject === theCa) {
    expect(await site.search('-b', `ou=authorities,ou=ca,${pkiBase}`, '(description=Host authority)', 'authoritySerial')).toContain(
      `authoritySerial: ${serial}\n`,
    );
    expect(valuesOf(await site.search('-b', `cn=CAcert,cn=ipa,cn=etc,${base}`, 'cACertificate'))).toEqual([encoded]);
    expect(valuesOf(await site.search('-b', `cn=certificates,cn=ipa,cn=etc,${base}`, '(cACertificate=*)', 'cACertificate'))).toContain(
      encoded,
    );
  }
}

/** Base64 of every value with `;binary` or without, whatever the attribute. */
const valuesOf = (ldif: string) => [...ldif.matchAll(/^\w+Certificate(?:;binary)?:: (\S+)$/gmu)].map(([, value]) => value);

/** How many certificates the CA's database has for the subject, whatever became of them. */
export async function issuedFor(site: DogtagSite, certificate: X509Certificate): Promise<number> {
  const found = await site.search(
    '-b',
    `ou=certificateRepository,ou=ca,${pkiBase}`,
    `(subjectName=${certificate.subject.split('\n').reverse().join(',')})`,
    '1.1',
  );
  return [...found.matchAll(/^dn: /gmu)].length;
}
