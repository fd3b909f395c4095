/** One instance over two tokens, through the real certmonger: the CA on one, an OCSP certificate it issued on the other. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { askAgain } from '../rig/certmonger.js';
import type { Site } from '../rig/site.js';
import type { SoftToken } from '../rig/soft-token.js';
import { startTwoTokens, type TwoTokens } from '../rig/two-tokens.js';

vi.setConfig({ testTimeout: 300_000 });

let rig: TwoTokens;
let site: Site;
let second: SoftToken;

beforeAll(async () => {
  rig = await startTwoTokens();
  ({ site, second } = rig);
});
afterAll(async () => {
  await site.stop();
});

describe('one instance over two tokens', () => {
  let before: (string | undefined)[][];

  it('is set up: each request names its own token and PIN file', async () => {
    before = [await rig.keysOf(site.token), await rig.keysOf(second)];
    const run = await site.cli('setup', '--yes');
    expect(run, run.stdout + run.stderr).toMatchObject({ exitCode: 0 });
    const records = await site.getcertRecords();
    for (const [id, token] of [
      ['hsmonger.root', site.token],
      ['hsmonger.ocsp', second],
    ] as const) {
      expect(records.get(id)?.get('key pair storage')).toContain(`token='${token.label}'`);
      expect(records.get(id)?.get('key pair storage')).toContain(`pinfile='${token.pinFile}'`);
      expect(records.get(id)?.get('certificate')).toContain(`token='${token.label}'`);
    }
  });

  it('is renewed by certmonger on both, each certificate alone on its token, the keys as they were', async () => {
    await site.untilRenewed(120_000);
    // certmonger is asked, not the token: whoever logs in there stands in its way.
    const issuer = async () => {
      await askAgain(site.bus);
      return (await site.getcertRecords()).get('hsmonger.ocsp')?.get('issuer');
    };
    await expect.poll(issuer, { timeout: 60_000, interval: 500 }).toBe('CN=root');
    await site.untilQuiet(60_000);
    const [pem, ...more] = await rig.onSecond('ocsp');
    expect(more).toEqual([]);
    const [was, is] = [new X509Certificate(rig.responder.certificate('ocsp').pem), new X509Certificate(pem!)];
    expect(is.publicKey.equals(was.publicKey)).toBe(true);
    expect(Date.parse(is.validTo)).toBeGreaterThan(Date.parse(was.validTo));
    const [root] = await site.onToken('root');
    const [rootFile, leafFile] = ['root.pem', 'ocsp.pem'].map((name) => path.join(site.directory, name));
    writeFileSync(rootFile!, root!);
    writeFileSync(leafFile!, pem!);
    expect(execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', rootFile!, leafFile!], { encoding: 'utf8' })).toContain(': OK');
    expect([await rig.keysOf(site.token), await rig.keysOf(second)]).toEqual(before);
    expect(await site.onToken('ocsp')).toEqual([]);
  });

  it('has nothing to change afterwards; status names both tokens', async () => {
    expect(await site.cli('track', 'plan')).toMatchObject({ exitCode: 0 });
    const { stdout } = await site.cli('status');
    expect(stdout).toMatch(new RegExp(`ocsp.*${second.label}|${second.label}.*ocsp`, 'u'));
    expect(stdout).toContain(site.token.label);
  });

  it('goes on with one while the other is unplugged', async () => {
    expect(await site.cli('track', 'stop', '--nickname', 'audit')).toMatchObject({ exitCode: 0 });
    const unplugged = rig.unplug(second);
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
      unplugged.back();
    }
    expect(await site.cli('track', 'plan')).toMatchObject({ exitCode: 0 });
    expect(await rig.keysOf(second)).toEqual(before[1]);
  });
});
