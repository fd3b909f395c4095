/** token change-pin on a real token with real requests: everything that holds the PIN gets the new one. */
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Site } from '../rig/site.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { changeRig, type ChangeRig } from './change-rig.js';

let rig: ChangeRig;
let site: Site;
let files: readonly string[];
let now: string;
/** In the same module. */
let another: SoftToken;

beforeAll(async () => {
  rig = await changeRig();
  ({ site, files } = rig);
  now = site.token.pin;
  another = await createSoftToken({ directory: site.directory, label: 'another', beside: site.token });
}, 120_000);
afterAll(async () => {
  await site.stop();
});

describe('change-pin', () => {
  it('changes the token, the files of both instances and the one a request names, owners and modes kept; certmonger renews with it', async () => {
    const owners = files.map((file) => statSync(file)).map(({ uid, gid, mode }) => [uid, gid, mode]);
    const run = await rig.change('second-pin-2345');
    expect(run, run.stderr).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("Token 'softhsm_token' has the new PIN") as string,
    });
    rig.expectEverywhere('second-pin-2345');
    expect(files.map((file) => statSync(file)).map(({ uid, gid, mode }) => [uid, gid, mode])).toEqual(owners);
    expect([await rig.tokenTakes('second-pin-2345'), await rig.tokenTakes(now)]).toEqual([true, false]);
    now = 'second-pin-2345';
    expect(await site.cli('token', 'check')).toMatchObject({ exitCode: 0 });
    await rig.renewed();
  }, 120_000);

  it('with the same PIN again changes nothing', async () => {
    expect(await rig.change(now)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('has this PIN already') as string });
    rig.expectEverywhere(now);
  });

  it('that the token does not take leaves everything as it was', async () => {
    const before = files.map((file) => statSync(file).ino);
    const run = await rig.change('123');
    expect(run).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(
        /^hsmonger: Token 'softhsm_token' did not take the new PIN \(CKR_PIN_LEN_RANGE[^)]*\): it is too short or too long for this token\.$/u,
      ) as string,
    });
    rig.expectEverywhere(now);
    expect(files.map((file) => statSync(file).ino)).toEqual(before);
    expect(await rig.tokenTakes(now)).toBe(true);
  });

  it('is refused, with the list, where a file that holds the PIN cannot be changed, before anything is', async () => {
    const loose = mkdtempSync(path.join(site.directory, 'loose-'));
    const file = path.join(loose, 'pin');
    writeFileSync(file, `${now}\n`, { mode: 0o600 });
    chownSync(file, site.owner.uid, site.owner.gid);
    chownSync(loose, site.owner.uid, site.owner.gid);
    chmodSync(loose, 0o755);
    const third = path.join(site.configDir, 'third.toml');
    writeFileSync(third, readFileSync(path.join(site.configDir, 'second.toml'), 'utf8').replace(files[1]!, file));
    try {
      expect(await rig.change('third-pin-3456')).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/cannot be changed everywhere, so nothing was: .*loose-.*\/pin cannot be replaced safely/u) as string,
      });
      rig.expectEverywhere(now);
      expect(await rig.tokenTakes(now)).toBe(true);
    } finally {
      rmSync(third);
    }
  });

  it.each([
    [
      "the NSS database's password is in the same file",
      (text: string) => text.replace('[nss]', `[nss]\npassword-file = ${JSON.stringify(files[0])}`),
      /is the password file of the NSS database of 'third' as well/u,
    ],
    [
      'another instance cannot be looked at',
      (text: string) => text.replace(/^module = .*$/mu, 'module = "/usr/lib/none.so"'),
      /Whether instance 'third' has the same token cannot be told: There is no PKCS#11 module/u,
    ],
    [
      'another token has the same file',
      (text: string) => text.replace(files[1]!, files[0]!).replace(/^label = .*$/mu, 'label = "another"'),
      /softhsm_token\.pin is the PIN file of token 'another' of instance 'third' as well; give that one/u,
    ],
    [
      'one that is away has it',
      (text: string) => text.replace(files[1]!, files[0]!).replace(/^label = .*$/mu, 'label = "away"'),
      /of token 'away' of instance 'third' as well, and whether that is this token cannot be told/u,
    ],
    [
      'a further token has it',
      (text: string) =>
        `${text}\n[tokens.b]\nlabel = "another"\nmodule = "${site.token.module}"\npin-file = ${JSON.stringify(files[1])}\nenvironment = { SOFTHSM2_CONF = "${site.token.confFile}" }\n`,
      /second\.pin is the PIN file of token 'another' of instance 'third' as well/u,
    ],
  ] as const)('is refused where %s', async (_case, rewritten, sentence) => {
    const third = path.join(site.configDir, 'third.toml');
    writeFileSync(third, rewritten(readFileSync(path.join(site.configDir, 'second.toml'), 'utf8')));
    try {
      expect(await rig.change('third-pin-3456')).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(sentence) as string });
      rig.expectEverywhere(now);
      expect(await rig.tokenTakes(now)).toBe(true);
    } finally {
      rmSync(third);
    }
  });

  it('is refused where another token of the same instance has the file, and not where that has one of its own', async () => {
    const file = path.join(site.configDir, 'hsmonger.toml');
    const text = readFileSync(file, 'utf8');
    const further = (pinFile: string) => {
      writeFileSync(
        file,
        `${text}\n[tokens.b]\nlabel = "another"\nmodule = "${site.token.module}"\npin-file = ${JSON.stringify(pinFile)}\nenvironment = { SOFTHSM2_CONF = "${site.token.confFile}" }\n`,
      );
    };
    try {
      further(files[0]!);
      expect(await rig.change('third-pin-3456')).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/softhsm_token\.pin is the PIN file of token 'another' of instance 'hsmonger' as well/u) as string,
      });
      rig.expectEverywhere(now);
      expect(await rig.tokenTakes(now)).toBe(true);
      further(another.pinFile);
      const run = await rig.change('third-pin-3456');
      expect(run, run.stderr).toMatchObject({ exitCode: 0 });
      now = 'third-pin-3456';
      rig.expectEverywhere(now);
      expect(readFileSync(another.pinFile, 'utf8')).toBe(`${another.pin}\n`);
    } finally {
      writeFileSync(file, text);
    }
  });

  it('is refused where the instance takes it from a variable, or together with --module', async () => {
    expect(await site.cli('token', 'change-pin', '--module', site.token.module)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('goes with --instance') as string,
    });
    const third = path.join(site.configDir, 'third.toml');
    writeFileSync(third, readFileSync(path.join(site.configDir, 'second.toml'), 'utf8').replace(/^pin-file = .*$/mu, 'pin-env = "PIN"'));
    try {
      expect(await site.cli('token', 'change-pin', '--instance', 'third')).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('from an environment variable') as string,
      });
    } finally {
      rmSync(third);
    }
  });

  it('in memory goes where it is unlocked, and says how the credential is encrypted anew', async () => {
    const memory = mkdtempSync('/dev/shm/hsmonger-test-');
    chmodSync(memory, 0o755);
    const file = path.join(site.configDir, 'hsmonger.toml');
    const text = readFileSync(file, 'utf8');
    const unlocked = path.join(memory, 'hsmonger.pin');
    writeFileSync(file, text.replace(/^pin-file = .*$/mu, `pin-unlock = ${JSON.stringify(unlocked)}\npin-credential = "hsm-pin"`));
    try {
      expect(await site.cli('unlock', '--pin-file', files[0]!)).toMatchObject({ exitCode: 0 });
      const run = await rig.change('pin-in-memory-45');
      expect(run, run.stderr).toMatchObject({
        exitCode: 0,
        stderr: expect.stringContaining(
          "systemd-ask-password -n 'New PIN:' | systemd-creds encrypt --name=hsm-pin - /etc/credstore.encrypted/hsm-pin",
        ) as string,
      });
      expect(readFileSync(unlocked, 'utf8')).toBe('pin-in-memory-45\n');
      expect(statSync(unlocked)).toMatchObject({ uid: site.owner.uid, mode: 0o100400 });
      expect(await rig.tokenTakes('pin-in-memory-45')).toBe(true);
    } finally {
      writeFileSync(file, text);
      rmSync(memory, { recursive: true, force: true });
    }
  });
});
