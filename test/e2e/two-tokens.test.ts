/** One instance over two tokens, through the real certmonger: the CA on one, an OCSP certificate it issued on the other. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chownSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, type Authority } from '../rig/authority.js';
import { runAs } from '../rig/run-as.js';
import { seeing, startSite, type Site } from '../rig/site.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';

let site: Site;
let second: SoftToken;
let responder: Authority;

const onSecond = async (nickname: string) => {
  const logins = path.join(site.directory, 'second.logins');
  writeFileSync(logins, `${second.label}:${second.pin}\nNSS Certificate DB:\n`, { mode: 0o600 });
  chownSync(logins, site.owner.uid, site.owner.gid);
  const { stdout } = await runAs(site.owner, 'certutil', ['-L', '-d', `sql:${site.nss.database}`, '-h', second.label, '-f', logins, '-n', `${second.label}:${nickname}`, '-a'], { env: second.environment, cwd: '/' });
  return stdout.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
};

const keysOf = async (token: SoftToken) => {
  const { stdout } = await seeing(() => runAs(site.owner, 'pkcs11-tool', ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:RIG_PIN', '-O', '--type', 'privkey'], { env: { ...token.environment, RIG_PIN: token.pin }, cwd: '/' }));
  return [...stdout.matchAll(/^ +ID: +([0-9a-f]+)/gmu)].map(([, id]) => id);
};

/** SoftHSM's own directory of the second token, away and back. */
const tokenDirectoryOf = (token: SoftToken) => {
  const found = execFileSync('grep', ['-la', token.label, '-r', token.tokenDirectory], { encoding: 'utf8' }).trim().split('\n')[0]!;
  return path.dirname(found);
};

beforeAll(async () => {
  site = await startSite({ authority: { certificates: [{ nickname: 'root', profile: 'caCACert' }, { nickname: 'audit', profile: 'caSignedLogCert' }] } });
  second = await createSoftToken({ directory: site.directory, label: 'second token', pin: 'other-pin-9', beside: site.token });
  // The same name below another token's CA: made as the root's own, then stored on the second token.
  responder = await createAuthority(second, { certificates: [{ nickname: 'ocsp', profile: 'caOCSPCert', subject: [{ CN: ['Responder'] }] }] });
  mkdirSync(site.configDir, { recursive: true });
  const table = (token: SoftToken) => `label = "${token.label}"\nmodule = "${token.module}"\npin-file = "${token.pinFile}"\nenvironment = { SOFTHSM2_CONF = "${token.confFile}" }\n`;
  writeFileSync(
    site.instanceFile,
    `user = "${site.owner.name}"\n[token]\n${table(site.token)}\n[tokens.responder]\n${table(second)}\n[nss]\ndatabase = "${site.nss.database}"\n[issuer]\ntype = "token"\ncertificate = "root"\n${[['root', 'caCACert'], ['audit', 'caSignedLogCert'], ['ocsp', 'caOCSPCert']].map(([nickname, profile]) => `[[certificate]]\nnickname = "${nickname!}"\nprofile = "${profile!}"\n${nickname === 'ocsp' ? 'token = "responder"\n' : ''}`).join('')}`,
    { mode: 0o644 },
  );
});
afterAll(async () => {
  await site.stop();
});

describe('one instance over two tokens', () => {
  let before: (string | undefined)[][];

  it('is set up: each request names its own token and PIN file', async () => {
    before = [await keysOf(site.token), await keysOf(second)];
    const run = await site.cli('setup', '--yes');
    expect(run, run.stdout + run.stderr).toMatchObject({ exitCode: 0 });
    const records = await site.getcertRecords();
    for (const [id, token] of [['hsmonger.root', site.token], ['hsmonger.ocsp', second]] as const) {
      expect(records.get(id)?.get('key pair storage')).toContain(`token='${token.label}'`);
      expect(records.get(id)?.get('key pair storage')).toContain(`pinfile='${token.pinFile}'`);
      expect(records.get(id)?.get('certificate')).toContain(`token='${token.label}'`);
    }
  });

  it('is renewed by certmonger on both, each certificate alone on its token, the keys as they were', async () => {
    await site.untilRenewed(120_000);
    await expect.poll(async () => new X509Certificate((await onSecond('ocsp'))[0]!).issuer, { timeout: 60_000, interval: 1000 }).toContain('root');
    await site.untilQuiet(60_000);
    const [pem, ...more] = await onSecond('ocsp');
    expect(more).toEqual([]);
    const [was, is] = [new X509Certificate(responder.certificate('ocsp').pem), new X509Certificate(pem!)];
    expect(is.publicKey.equals(was.publicKey)).toBe(true);
    expect(Date.parse(is.validTo)).toBeGreaterThan(Date.parse(was.validTo));
    const [root] = await site.onToken('root');
    const [rootFile, leafFile] = ['root.pem', 'ocsp.pem'].map((name) => path.join(site.directory, name));
    writeFileSync(rootFile!, root!);
    writeFileSync(leafFile!, pem!);
    expect(execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', rootFile!, leafFile!], { encoding: 'utf8' })).toContain(': OK');
    expect([await keysOf(site.token), await keysOf(second)]).toEqual(before);
    expect(await site.onToken('ocsp')).toEqual([]);
  });

  it('has nothing to change afterwards; status names both tokens', async () => {
    expect(await site.cli('track', 'plan')).toMatchObject({ exitCode: 0 });
    const { stdout } = await site.cli('status');
    expect(stdout).toMatch(new RegExp(`ocsp.*${second.label}|${second.label}.*ocsp`, 'u'));
    expect(stdout).toContain(site.token.label);
  });

  it('goes on with one while the other is unplugged', async () => {
    const [there, away] = [tokenDirectoryOf(second), path.join(site.directory, 'unplugged')];
    expect(await site.cli('track', 'stop', '--nickname', 'audit')).toMatchObject({ exitCode: 0 });
    renameSync(there, away);
    try {
      const plan = await site.cli('track', 'plan');
      expect(plan.exitCode).toBe(3);
      expect(plan.stdout).toMatch(/refused \(token-away\): 'ocsp' lies on the token 'second token'/u);
      const apply = await site.cli('track', 'apply');
      expect(apply, apply.stdout + apply.stderr).toMatchObject({ exitCode: 3 });
      expect([...(await site.getcertRecords()).keys()].sort()).toEqual(['hsmonger.audit', 'hsmonger.ocsp', 'hsmonger.root']);
      const renewed = await site.cli('renew', 'root', '--wait', '90');
      expect(renewed, renewed.stdout + renewed.stderr).toMatchObject({ exitCode: 0 });
    } finally {
      renameSync(away, there);
    }
    expect(await site.cli('track', 'plan')).toMatchObject({ exitCode: 0 });
    expect(await keysOf(second)).toEqual(before[1]);
  });
});
