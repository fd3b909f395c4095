/** The whole agent beside a real certmonger, on one instance over two tokens, one of which comes and goes. */
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, type RunningAgent } from '../../rig/agent.js';
import type { Site } from '../../rig/site.js';
import type { SoftToken } from '../../rig/soft-token.js';
import { startTwoTokens, type TwoTokens } from '../../rig/two-tokens.js';

let rig: TwoTokens;
let site: Site;
let second: SoftToken;
let keys: (string | undefined)[][];
let agent: RunningAgent | undefined;

beforeAll(async () => {
  rig = await startTwoTokens({ daysLeft: 300, rootDaysLeft: 3000 });
  ({ site, second } = rig);
  keys = [await rig.keysOf(site.token), await rig.keysOf(second)];
});
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
});
afterAll(async () => {
  await site.stop();
});

async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined, patienceMs = 90_000): Promise<T> {
  for (const end = Date.now() + patienceMs; ; await sleep(100)) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end)
      throw new Error(
        `Not ${what} within ${String(patienceMs / 1000)} s:\n${(await site.cli('agent', 'status')).stdout}\n${agent?.log() ?? ''}\n${site.certmonger.log().slice(-2000)}`,
      );
  }
}
const start = async () => {
  agent = startAgent(['--bus', site.bus.address, '--config-dir', site.configDir, '--state-dir', site.stateDir]);
  await agent.until(/looking after 'hsmonger'\./u, 30_000);
  return agent;
};
const well = () => until('well', async () => ((await site.cli('agent', 'status')).exitCode === 0 ? true : undefined));
const done = async (...args: string[]) => {
  const said = await site.cli(...args);
  expect(said.exitCode, said.stdout + said.stderr).toBe(0);
  return said;
};
const expiryOf = async (id: string) => (await site.getcertRecords()).get(id)?.get('expires');

describe('setup with one of the tokens away', () => {
  it('sets up what lies on the other, says so in a sentence, and run again finishes', async () => {
    const unplugged = rig.unplug(second);
    const said = await site.cli('setup', '--yes');
    unplugged.back();
    expect(said).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(
        /^hsmonger: 'ocsp' lies on the token 'second token', which cannot be looked at: [^\n]+ Bring that token back, then run this again; what lies on the others goes on meanwhile\.$/mu,
      ) as string,
    });
    expect([...(await site.getcertRecords()).keys()].sort()).toEqual(['hsmonger.audit', 'hsmonger.root']);
    await done('setup', '--yes');
    expect([...(await site.getcertRecords()).keys()].sort()).toEqual(['hsmonger.audit', 'hsmonger.ocsp', 'hsmonger.root']);
    expect(await site.cli('track', 'plan')).toMatchObject({ exitCode: 0 });
    expect((await site.cli('setup', '--yes')).stdout).toContain('is set up already');
  });
});

describe('the agent on two tokens', () => {
  it('tells that one is away while the other’s renewals go on, and is well when it is back', async () => {
    await site.untilQuiet(60_000);
    const running = await start();
    await well();
    const unplugged = rig.unplug(second);
    try {
      const told = await until(
        'told',
        async () => {
          const said = await site.cli('agent', 'status');
          return said.exitCode === 3 && said.stdout.includes('does not answer') ? said.stdout : undefined;
        },
        120_000,
      );
      expect(told).toMatch(new RegExp(`token '${site.token.label}' answers.*token '${second.label}' does not answer`, 'u'));
      expect(told).toContain("token-away: There is no token with the label 'second token'");
      const old = await expiryOf('hsmonger.root');
      await done('renew', 'root', '--wait', '90');
      expect(await expiryOf('hsmonger.root')).not.toBe(old);
    } finally {
      unplugged.back();
    }
    await well();
    await done('renew', 'ocsp', '--wait', '90');
    expect(running.log()).not.toContain('MaxListenersExceededWarning');
    // Three waits of the agent's own pace, one after another.
  }, 600_000);

  it('finishes a saving in whose middle its token was pulled out', async () => {
    await start();
    await well();
    const [was] = await rig.onSecond('ocsp');
    const ends = await expiryOf('hsmonger.ocsp');
    const begun = site.cli('renew', 'ocsp', '--wait', '5');
    const step = () =>
      new Sqlite(site.ledger, { readonly: true }).prepare("SELECT step FROM journal WHERE nickname = 'ocsp'").pluck().get();
    for (const end = Date.now() + 60_000; step() === 'done'; await sleep(5)) if (Date.now() > end) throw new Error('No saving began.');
    const unplugged = rig.unplug(second);
    await begun;
    await sleep(3000);
    unplugged.back();
    // Not by a look at the token: whoever logs in there stands in the way of those who finish it.
    await until('saved', async () => (step() === 'done' && (await expiryOf('hsmonger.ocsp')) !== ends ? true : undefined), 180_000);
    await site.untilQuiet(120_000);
    await well();
    const stored = await rig.onSecond('ocsp');
    expect(stored).toHaveLength(1);
    expect(stored[0]).not.toBe(was);
    expect(new X509Certificate(stored[0]!).publicKey.equals(new X509Certificate(was!).publicKey)).toBe(true);
    expect([await rig.keysOf(site.token), await rig.keysOf(second)]).toEqual(keys);
  }, 600_000);
});

describe('the commands that take --token', () => {
  it('lock and unlock the second token alone; the doctor names it; change-pin changes its PIN alone', async () => {
    const memory = mkdtempSync('/dev/shm/hsmonger-test-');
    chmodSync(memory, 0o755);
    const good = readFileSync(site.instanceFile, 'utf8');
    try {
      writeFileSync(site.instanceFile, good.replace(`pin-file = "${second.pinFile}"`, `pin-unlock = "${path.join(memory, 'second.pin')}"`));
      await done('unlock', '--token', 'responder', '--pin-file', second.pinFile);
      await done('track', 'apply');
      await site.untilQuiet(60_000);
      await done('renew', 'ocsp', '--wait', '90');
      await done('lock', '--token', second.label);
      await done('token', 'check', '--token', site.token.label);
      const locked = await site.cli('token', 'check', '--token', 'responder');
      expect(locked.exitCode, locked.stdout).not.toBe(0);
      const doctor = await site.cli('doctor', '--login');
      expect(doctor.exitCode).toBe(3);
      expect(doctor.stdout).toMatch(
        /^error +PinSource: The PIN is locked: run 'hsmonger unlock --token responder';[^\n]*\n +-> Run: hsmonger unlock --token responder\.$/mu,
      );
      expect(await site.cli('unlock', '--token', 'nobody', '--pin-file', second.pinFile)).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining(`has no token 'nobody'; it has '${site.token.label}', 'responder'`) as string,
      });
    } finally {
      writeFileSync(site.instanceFile, good);
      rmSync(memory, { recursive: true, force: true });
    }
    await done('track', 'apply');
    const fresh = path.join(site.directory, 'fresh.pin');
    writeFileSync(fresh, 'fresh-pin-7\n', { mode: 0o600 });
    await done('token', 'change-pin', '--token', 'responder', '--new-pin-file', fresh);
    expect(readFileSync(second.pinFile, 'utf8').trim()).toBe('fresh-pin-7');
    expect(readFileSync(site.token.pinFile, 'utf8').trim()).toBe(site.token.pin);
    await done('token', 'check', '--token', 'responder');
    await done('renew', 'ocsp', '--wait', '90');
    await done('renew', 'root', '--wait', '90');
  });

  it('the doctor sees each token, and nothing is wrong', async () => {
    await done('track', 'apply');
    await done('doctor', '--fix', '--yes');
    const { stdout, exitCode } = await site.cli('doctor', '--login', '--output', 'json');
    const findings = JSON.parse(stdout) as { result: string; check: string; kw: { msg?: string } }[];
    expect(findings.filter(({ result }) => result !== 'SUCCESS')).toEqual([]);
    expect(exitCode).toBe(0);
    for (const label of [site.token.label, second.label])
      expect(findings.filter(({ check, kw }) => check === 'TokenPresent' && JSON.stringify(kw).includes(`'${label}'`))).toHaveLength(1);
  });
});
