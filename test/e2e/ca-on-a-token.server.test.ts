/**
 * A CA from nothing, as an administrator sees it: root and intermediate on a token by two commands, `setup`, and certmonger renews both.
 * Real certmonger; the witnesses are getcert, certutil, pkcs11-tool, openssl and certtool.
 */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { getcertRecords } from '../rig/certmonger.js';
import { runAs } from '../rig/run-as.js';
import { openssl, type Ground } from '../cli/ca/ground.js';
import { extensionsOf, lifetimeOf, startOwnCaHost, type OwnCaHost } from './own-ca.js';

vi.setConfig({ testTimeout: 200_000, hookTimeout: 120_000 });

let host: OwnCaHost;
let ground: Ground;
let bus: OwnCaHost['bus'];
let cli: OwnCaHost['cli'];
beforeAll(async () => {
  host = await startOwnCaHost();
  ({ ground, bus, cli } = host);
});
afterAll(() => host.stop());

const keys = async () =>
  (await ground.objects())
    .filter((object) => object.startsWith('Private'))
    .map((object) => object.split(' ').at(-1))
    .sort();
const pem = async (nickname: string, file: string) => ground.file(file, await ground.certificate(nickname));
const text = (file: string) => openssl('x509', '-in', file, '-noout', '-text');

describe('RSA, as every certmonger renews it', () => {
  it('two commands make root and intermediate; openssl and certtool verify the chain strictly', async () => {
    await cli(
      'ca',
      'init-root',
      '--instance',
      'root',
      ...ground.onToken,
      '--subject',
      '/C=US/ST=My State/O=My Company, Inc./OU=My Company Certificate Authority/CN=My Company Root CA',
      '--key-type',
      'rsa:2048',
      '--days',
      '3650',
      '--exclude',
      'dns:secret.example.test',
    );
    appendFileSync(path.join(ground.config, 'root.toml'), '\n# a remark of the administrator\n');
    const said = await cli(
      'ca',
      'init-intermediate',
      '--instance',
      'intermediate',
      '--issuer',
      'root',
      '--subject',
      '/C=US/ST=My State/O=My Company, Inc./OU=My Company Certificate Authority/CN=My Company Intermediate CA Ü',
      '--key-type',
      'rsa:2048',
      '--days',
      '1825',
      '--permit',
      'dns:example.test',
    );
    expect(said).toContain("made the CA 'intermediate'");
    const [root, intermediate] = [await pem('root', 'root.crt'), await pem('intermediate', 'intermediate.crt')];
    expect(openssl('verify', '-x509_strict', '-CAfile', root, intermediate)).toContain(': OK');
    expect(text(intermediate)).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/u);
    expect(text(intermediate)).toMatch(/Key Usage: critical\s+Digital Signature, Certificate Sign, CRL Sign/u);
    expect(text(intermediate)).toMatch(/Permitted:\s+DNS:example\.test/u);
    expect(lifetimeOf(intermediate)).toBe(1825);
    const chain = path.join(ground.directory, 'chain.crt');
    await cli('ca', 'chain', '--instance', 'intermediate', '--out', chain);
    expect(readFileSync(chain, 'utf8').replace(/\s+$/u, '')).toBe(
      `${readFileSync(intermediate, 'utf8')}${readFileSync(root, 'utf8')}`.replace(/\s+$/u, ''),
    );
    expect(
      execFileSync('certtool', ['--verify-chain', '--infile', chain], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    ).toContain('Verified.');
  });

  it("the root's file names the intermediate, its remarks kept; run again nothing changes", async () => {
    const files = ['root.toml', 'intermediate.toml'].map((name) => path.join(ground.config, name));
    const before = files.map((file) => readFileSync(file, 'utf8'));
    expect(before[0]).toContain('# a remark of the administrator\n');
    expect(before[0]).toMatch(/\[\[certificate\]\]\nnickname = "intermediate"\nprofile = "caCACert"\ndays = 1825\n$/u);
    expect(before[1]).not.toContain('[[certificate]]');
    const objects = await ground.objects();
    expect(await cli('ca', 'init-intermediate', '--instance', 'intermediate', '--issuer', 'root')).toContain(
      'is there already; nothing was changed.',
    );
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(before);
    expect(await ground.objects()).toEqual(objects);
  });

  it('setup hands both to certmonger', async () => {
    await cli('setup', '--instance', 'root', '--yes');
    await cli('setup', '--instance', 'intermediate', '--yes');
    await host.untilMonitoring(2);
    expect([...(await getcertRecords(bus)).keys()].sort()).toEqual(['root.intermediate', 'root.root']);
  });

  it('and the doctor finds nothing wrong straight after it: NSS trusts both; what somebody has distrusted since stays so', async () => {
    for (const instance of ['root', 'intermediate']) await cli('doctor', '--instance', instance, '--login');
    const certutil = async (...args: string[]) =>
      (
        await runAs(ground.owner, 'certutil', [...args, '-d', `sql:${path.join(ground.state, 'root', 'nss')}`], {
          env: { ...ground.token.environment },
          cwd: '/',
        })
      ).stdout;
    expect(await certutil('-L')).toMatch(
      /^intermediate +CTu?,Cu?,Cu?\s+root +CTu?,Cu?,Cu?\s*$|^root +CTu?,Cu?,Cu?\s+intermediate +CTu?,Cu?,Cu?\s*$/mu,
    );
    await certutil('-M', '-n', 'intermediate', '-t', 'p,p,p');
    expect(await cli('setup', '--instance', 'root', '--yes')).toContain('nothing was changed');
    expect(await certutil('-L')).toMatch(/^intermediate +pu?,pu?,pu? *$/mu);
    await certutil('-M', '-n', 'intermediate', '-t', 'CT,C,C');
  });

  it('certmonger renews them: same keys, same extensions but for what names a certificate, a later end', async () => {
    const before = {
      keys: await keys(),
      root: path.join(ground.directory, 'root.crt'),
      intermediate: path.join(ground.directory, 'intermediate.crt'),
    };
    for (const nickname of ['root', 'intermediate'] as const) {
      // Seconds count in a validity.
      await sleep(1100);
      await cli('renew', '--instance', 'root', nickname, '--wait', '100');
      await host.untilMonitoring(2);
      const file = await pem(nickname, `${nickname}-2.crt`);
      const [was, is] = [before[nickname], file].map((name) => new X509Certificate(readFileSync(name)));
      expect(is!.serialNumber).not.toBe(was!.serialNumber);
      expect(is!.publicKey.equals(was!.publicKey)).toBe(true);
      expect(is!.subject).toBe(was!.subject);
      expect(Date.parse(is!.validTo)).toBeGreaterThan(Date.parse(was!.validTo));
      expect(extensionsOf(file)).toBe(extensionsOf(before[nickname]));
      expect(lifetimeOf(file)).toBe(nickname === 'root' ? 3650 : 1825);
    }
    expect(await keys()).toEqual(before.keys);
    const [root, intermediate] = ['root-2.crt', 'intermediate-2.crt'].map((name) => path.join(ground.directory, name));
    expect(openssl('verify', '-x509_strict', '-CAfile', root!, intermediate!)).toContain(': OK');
  });

  it('the ledger of the root has all four, and a third run changes nothing', async () => {
    const rows = JSON.parse(await cli('ca', 'list', '--instance', 'root', '--json')) as { subject: string }[];
    expect(rows.map(({ subject }) => /^CN=([^,]*)/u.exec(subject)?.[1])).toEqual([
      'My Company Root CA',
      'My Company Intermediate CA Ü',
      'My Company Root CA',
      'My Company Intermediate CA Ü',
    ]);
    for (const args of [
      ['init-root', '--instance', 'root'],
      ['init-intermediate', '--instance', 'intermediate', '--issuer', 'root'],
    ])
      expect(await cli('ca', ...args)).toContain('nothing was changed.');
  });

  it("NSS takes the chain for a CA's", () => {
    const database = path.join(ground.directory, 'nss-judge');
    execFileSync('mkdir', [database]);
    const certutil = (...args: string[]) => execFileSync('certutil', [...args, '-d', `sql:${database}`], { encoding: 'utf8' });
    certutil('-N', '--empty-password');
    certutil('-A', '-n', 'root', '-t', 'CT,C,C', '-i', path.join(ground.directory, 'root-2.crt'));
    certutil('-A', '-n', 'intermediate', '-t', ',,', '-i', path.join(ground.directory, 'intermediate-2.crt'));
    expect(certutil('-V', '-n', 'intermediate', '-u', 'L')).toContain('certificate is valid');
    expect(certutil('-V', '-n', 'root', '-u', 'L')).toContain('certificate is valid');
  });
});
