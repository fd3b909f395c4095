/**
 * A PIN that lies in memory only while unlocked: the round with a real token, certmonger and the built CLI, and what it leaves behind
 * anywhere.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectCertmonger } from '../../dbus/certmonger.js';
import { installation } from '../../src/platform/installation.js';
import { createAuthority } from '../rig/authority.js';
import { getcert } from '../rig/certmonger.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { startSite, type Site } from '../rig/site.js';
import { createSoftToken } from '../rig/soft-token.js';

const spy = '/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so';
const ca = 'caSigningCert cert-pki-ca';
const wrong = 'quite-wrong-97531';
let directory: PrivateDirectory;
let site: Site;
/** Below /dev/shm, where tests have a tmpfs. */
let memory: string;
let pinPath: string;
let instanceFile: string;

beforeAll(async () => {
  memory = mkdtempSync('/dev/shm/hsmonger-test-');
  chmodSync(memory, 0o755);
  pinPath = path.join(memory, 'hsmonger.pin');
  // A PIN of its own: other tests' tools, which run meanwhile, have theirs in command lines.
  directory = privateDirectory('unlock');
  const token = await createSoftToken({ directory: directory.path, owner: ensureServiceUser(), pin: 'zqx-alone-8642' });
  site = await startSite({
    beside: {
      token,
      authority: await createAuthority(token, { certificates: [{ nickname: ca, profile: 'caCACert' }], each: { daysLeft: 300 } }),
    },
  });
  await site.setUp();
  instanceFile = path.join(site.configDir, 'hsmonger.toml');
  rewrite(/^pin-file = .*$/mu, `pin-unlock = ${JSON.stringify(pinPath)}`);
}, 120_000);
afterAll(async () => {
  await site.stop();
  directory.remove();
  rmSync(memory, { recursive: true, force: true });
});

function rewrite(what: RegExp, by: string): void {
  writeFileSync(instanceFile, readFileSync(instanceFile, 'utf8').replace(what, by));
}

const flags = () => ['--bus', site.bus.address, '--config-dir', site.configDir, '--state-dir', site.stateDir];
/** With something on standard input. */
async function typing(
  input: string,
  ...args: string[]
): Promise<{ readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string }> {
  const { exitCode, stdout, stderr } = await execa(path.join(installation().executables, 'hsmonger'), [...flags(), ...args], {
    reject: false,
    input,
    timeout: 60_000,
    extendEnv: false,
    env: { PATH: '/usr/bin:/bin' },
  });
  return { exitCode, stdout, stderr };
}
const request = async () => [...(await site.getcertRecords()).values()][0];
async function until(what: string, holds: () => Promise<boolean>, patienceMs = 60_000): Promise<void> {
  for (const end = Date.now() + patienceMs; !(await holds()); await sleep(200))
    if (Date.now() > end)
      throw new Error(`Not ${what} in time.\n${(await getcert(site.bus, ['list'])).stdout}\n${site.certmonger.log().slice(-3000)}`);
}

describe('locked', () => {
  it('is said plainly by status, and by whatever needs the token, before anything is tried', async () => {
    const status = await site.cli('status');
    expect(status).toMatchObject({ exitCode: 3, stdout: expect.stringContaining("The PIN is locked: run 'hsmonger unlock'") as string });
    expect(await site.cli('token', 'check')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('The PIN is locked') as string });
    expect(await site.cli('token', 'change-pin')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('The PIN is locked') as string,
    });
  });

  it('a wrong PIN costs one attempt, the same one again none, and nothing is put in place', async () => {
    const log = path.join(mkdtempSync(path.join(site.directory, 'spied-')), 'log');
    chownSync(path.dirname(log), site.owner.uid, site.owner.gid);
    const logins = () => readFileSync(log, 'utf8').match(/: C_Login\b/gu)?.length ?? 0;
    const before = readFileSync(instanceFile, 'utf8');
    rewrite(/^module = .*$/mu, `module = ${JSON.stringify(spy)}`);
    rewrite(
      /SOFTHSM2_CONF = /u,
      `PKCS11SPY = ${JSON.stringify(site.token.module)}\nPKCS11SPY_OUTPUT = ${JSON.stringify(log)}\nSOFTHSM2_CONF = `,
    );
    try {
      expect(await typing(wrong, 'unlock')).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/refused the PIN on standard input: one attempt is spent/u) as string,
      });
      expect(logins()).toBe(1);
      expect(await typing(wrong, 'unlock')).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/has refused the PIN on standard input before.*--changed/u) as string,
      });
      const file = path.join(site.directory, 'given');
      writeFileSync(file, `${wrong}\n`, { mode: 0o600 });
      expect(await site.cli('unlock', '--pin-file', file)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('before') as string,
      });
      expect(logins()).toBe(1);
      expect(readdirSync(memory)).toEqual([]);
      // Somebody who says that the token's PIN is this one now is believed once.
      expect(await typing(wrong, 'unlock', '--changed')).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('one attempt is spent') as string,
      });
      expect(logins()).toBe(2);
      expect(await typing(`${site.token.pin}\n`, 'unlock')).toMatchObject({ exitCode: 0 });
      expect(logins()).toBe(3);
    } finally {
      writeFileSync(instanceFile, before);
    }
    await site.cli('lock');
  });

  it('a file on a disk, or in a directory others can write, is refused before a PIN is asked for', async () => {
    const before = readFileSync(instanceFile, 'utf8');
    try {
      rewrite(/^pin-unlock = .*$/mu, `pin-unlock = ${JSON.stringify(path.join(site.directory, 'on-disk.pin'))}`);
      expect(await typing(site.token.pin, 'unlock')).toMatchObject({
        exitCode: 2,
        stderr: expect.stringMatching(/would lie on a disk/u) as string,
      });
      writeFileSync(instanceFile, before);
      chmodSync(memory, 0o777);
      expect(await typing(site.token.pin, 'unlock')).toMatchObject({
        exitCode: 2,
        stderr: expect.stringMatching(/could be replaced by others/u) as string,
      });
    } finally {
      chmodSync(memory, 0o755);
      writeFileSync(instanceFile, before);
    }
    expect(readdirSync(memory).filter((name) => !name.endsWith('.locked'))).toEqual([]);
  });
});

describe('a renewal', () => {
  it('waits while locked, without an attempt, and goes on by itself once unlocked', async () => {
    await typing(site.token.pin, 'unlock');
    expect(await site.cli('track', 'apply')).toMatchObject({ exitCode: 0 });
    expect((await request())?.get('key pair storage')).toContain(`pinfile='${pinPath}'`);
    const locked = await site.cli('lock');
    expect(locked).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/is wiped[^]*waits with its renewal until 'hsmonger unlock'; it expires/u) as string,
    });
    expect(existsSync(pinPath)).toBe(false);
    const id = [...(await site.getcertRecords()).keys()][0]!;
    await getcert(site.bus, ['resubmit', '-i', id]);
    await until('waiting for its PIN', async () => (await request())?.get('status')?.endsWith('_PIN') === true);
    // The token would say so if somebody had tried an empty or stale one.
    expect(JSON.parse((await site.cli('token', 'list', '--json')).stdout)).toContainEqual(
      expect.objectContaining({ label: site.token.label, pin: 'fine' }),
    );
    const before = (await request())?.get('expires');
    const unlocked = await typing(site.token.pin, 'unlock');
    expect(unlocked).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`Set going again: ${id}`) as string });
    await until(
      'renewed',
      async () => (await request())?.get('status') === 'MONITORING' && (await request())?.get('expires') !== before,
      90_000,
    );
  }, 180_000);

  it("the file is the service user's, readable for it alone, in a directory of root's", () => {
    const { uid, mode } = statSync(pinPath);
    expect({ uid, mode: mode & 0o777 }).toEqual({ uid: site.owner.uid, mode: 0o400 });
    expect(statSync(memory)).toMatchObject({ uid: 0 });
    expect(readFileSync(pinPath, 'utf8')).toBe(`${site.token.pin}\n`);
  });

  it('the PIN stands in no command line, no environment and no log while it is proven, and in nothing on the disk', async () => {
    const seen: string[] = [];
    const child = spawn(path.join(installation().executables, 'hsmonger'), [...flags(), 'unlock'], {
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', (text: Buffer) => {
      said += text.toString();
    });
    child.stderr.on('data', (text: Buffer) => {
      said += text.toString();
    });
    child.stdin.end(site.token.pin);
    let looks = 0;
    while (child.exitCode === null) {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/u.test(name))) {
        for (const what of ['cmdline', 'environ']) {
          try {
            const text = readFileSync(`/proc/${pid}/${what}`, 'latin1');
            if (text.includes(site.configDir) || text.includes('worker.cjs')) looks += 1;
            // vitest's own workers may have it; nobody who works for hsmonger may.
            if (text.includes(site.token.pin)) seen.push(`${what} of ${pid}: ${text.slice(0, 200)}`);
          } catch {
            // It has ended.
          }
        }
      }
      await sleep(5);
    }
    expect(child.exitCode, said).toBe(0);
    expect(looks).toBeGreaterThan(5);
    expect(seen).toEqual([]);
    expect(said + site.certmonger.log()).not.toContain(site.token.pin);
    const grep = await execa('grep', ['-rlF', site.token.pin, site.stateDir, site.configDir, path.join(site.directory, 'certmonger')], {
      reject: false,
    });
    expect(grep.stdout).toBe('');
  });

  it('while locked the helper has certmonger ask again in a minute, and says why', async () => {
    expect(await site.cli('lock')).toMatchObject({ exitCode: 0 });
    const client = await connectCertmonger(site.bus.address);
    const [held] = await client.listRequests();
    client.disconnect();
    const helper = await execa(
      path.join(installation().executables, 'hsmonger-submit'),
      ['--instance', 'hsmonger', '--config-dir', site.configDir, '--state-dir', site.stateDir],
      {
        reject: false,
        extendEnv: false,
        env: {
          PATH: '/usr/bin:/bin',
          CERTMONGER_OPERATION: 'SUBMIT',
          CERTMONGER_CSR: held?.csr ?? '',
          CERTMONGER_CERTIFICATE: held?.certificate.pem ?? '',
          CERTMONGER_CA_PROFILE: 'caCACert',
        },
      },
    );
    expect(helper, helper.stderr).toMatchObject({
      exitCode: 5,
      stdout: expect.stringMatching(/^60\n/u) as string,
      stderr: expect.stringContaining("The PIN is locked: run 'hsmonger unlock'") as string,
    });
  });

  it('the PIN that is typed on a terminal is not echoed', async () => {
    const child = spawn(
      'script',
      ['-qec', [path.join(installation().executables, 'hsmonger'), ...flags(), 'unlock'].join(' '), '/dev/null'],
      { env: { PATH: '/usr/bin:/bin' }, stdio: ['pipe', 'pipe', 'inherit'] },
    );
    let shown = '';
    child.stdout.on('data', (text: Buffer) => {
      shown += text.toString();
    });
    await until('asked', () => Promise.resolve(shown.includes("PIN of the token of 'hsmonger': ")));
    child.stdin.write(`${site.token.pin}xé\u007f\u007f\r`);
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    expect(exitCode, shown).toBe(0);
    expect(shown).toContain('is unlocked');
    expect(shown).not.toContain(site.token.pin.slice(0, 4));
  });
});
