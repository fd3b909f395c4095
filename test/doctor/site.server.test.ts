import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../src/platform/run.js';
import { runAs } from '../rig/run-as.js';
import { startSite, type Site } from '../rig/site.js';
import { createSoftToken } from '../rig/soft-token.js';

const own = /^hsmonger\.(?:module|token|pin|keys|certificates|nss)$/u;
const ca = 'caSigningCert cert-pki-ca';
const subsystem = 'subsystemCert cert-pki-ca';
let site: Site;

beforeAll(async () => {
  // Nothing is due: a renewal under way would change what is looked at.
  site = await startSite({ nssPassword: 'internal-pw', authority: { each: { daysLeft: 400 }, only: { [ca]: { daysLeft: 3000 } } } });
  await site.setUp();
}, 180_000);
afterAll(() => site.stop());

interface Told {
  readonly source: string;
  readonly check: string;
  readonly result: string;
  readonly kw: { readonly key: string; readonly finding: string; readonly fix?: string };
}

/** The findings of these checks as ipa-healthcheck would read them. */
async function doctor(...args: string[]): Promise<Told[]> {
  const { stdout, stderr, exitCode } = await site.cli('doctor', '--output', 'json', ...args);
  expect([0, 3], stderr).toContain(exitCode);
  return (JSON.parse(stdout) as Told[]).filter(({ source }) => own.test(source));
}
const failures = async (...args: string[]) =>
  (await doctor('--failures-only', ...args)).map(({ result, check, kw }) => `${result} ${check} ${kw.key}`);
/** What --fix did, as it said it; the findings of these checks that are left. */
async function fixed(...args: string[]) {
  const { stdout, stderr } = await site.cli('doctor', '--output', 'json', '--failures-only', '--fix', '--yes', ...args);
  return { said: stderr, left: (JSON.parse(stdout) as Told[]).filter(({ source }) => own.test(source)).map(({ check }) => check) };
}
const nss = (program: string, ...args: string[]) =>
  runAs(site.owner, program, [...args], { env: site.token.environment, cwd: '/', okExitCodes: [0] });
const certutil = (...args: string[]) => nss('certutil', ...args, '-d', `sql:${site.nss.database}`, '-f', site.nss.loginFile);
const pkcs11 = (...args: string[]) =>
  runAs(
    site.owner,
    'pkcs11-tool',
    ['--module', site.token.module, '--token-label', site.token.label, '--login', '--pin', 'env:RIG_PIN', ...args],
    { env: { ...site.token.environment, RIG_PIN: site.token.pin }, cwd: '/' },
  );

describe('on a whole site', () => {
  test('nothing is wrong where nothing is wrong, with and without a login, by every check', async () => {
    const [without, withLogin] = [await doctor(), await doctor('--login')];
    for (const results of [without, withLogin]) expect(results.filter(({ result }) => result !== 'SUCCESS')).toEqual([]);
    expect(without.map(({ check }) => check)).toEqual(withLogin.map(({ check }) => check));
    expect(without.filter(({ kw }) => kw.finding.includes('--login')).length).toBeGreaterThan(5);
    expect(withLogin.filter(({ kw }) => kw.finding.includes('--login'))).toEqual([]);
    expect(withLogin.find(({ check }) => check === 'KeySigns')?.kw.finding).toBe('Each of 4 certificates has a key that signs.');
  });

  test('a token that is away is told as that, and what does not need it is looked at all the same', async () => {
    const away = `${site.token.tokenDirectory}.away`;
    const [name = ''] = readdirSync(site.token.tokenDirectory);
    renameSync(path.join(site.token.tokenDirectory, name), away);
    try {
      const [first, ...others] = await doctor('--failures-only', '--login');
      expect(others.map(({ check }) => check)).toEqual([]);
      expect(first).toMatchObject({ result: 'CRITICAL', check: 'TokenPresent' });
      expect(first?.kw.finding).toContain(`There is no token with the label '${site.token.label}' in ${site.token.module}`);
      expect(first?.kw.fix).toContain('Bring the HSM back');
    } finally {
      renameSync(away, path.join(site.token.tokenDirectory, name));
    }
  });

  test('a SoftHSM token whose file a killed program emptied is told with what brings it back', async () => {
    const file = path.join(site.token.tokenDirectory, readdirSync(site.token.tokenDirectory)[0]!, 'token.object');
    const copy = readFileSync(file);
    writeFileSync(file, '');
    try {
      const [first] = await doctor('--failures-only');
      expect(first).toMatchObject({ result: 'CRITICAL', check: 'TokenPresent' });
      expect(first?.kw.fix).toContain('token.object');
    } finally {
      writeFileSync(file, copy);
    }
    expect((await doctor('--failures-only', '--login')).map(({ check }) => check)).toEqual([]);
  });

  test('owners and modes are found and given back by --fix; a link is left to a person', async () => {
    chmodSync(site.token.pinFile, 0o644);
    chownSync(path.join(site.nss.database, 'cert9.db'), 0, 0);
    chmodSync(path.join(site.nss.database, 'cert9.db'), 0o600);
    expect(await failures()).toEqual([
      `ERROR PinSource ${site.token.pinFile}`,
      `CRITICAL NssDatabase nss-database`,
      `ERROR NssOwner ${site.nss.database}/cert9.db`,
    ]);
    const { said, left } = await fixed();
    expect(left).toEqual([]);
    expect(said).toContain(`done: hsmonger: set the mode of ${site.token.pinFile} to 0600\n`);
    expect(statSync(site.token.pinFile).mode & 0o777).toBe(0o600);
    expect(statSync(path.join(site.nss.database, 'cert9.db')).uid).toBe(site.owner.uid);
    const elsewhere = `${site.token.pinFile}.real`;
    renameSync(site.token.pinFile, elsewhere);
    chmodSync(elsewhere, 0o644);
    symlinkSync(elsewhere, site.token.pinFile);
    try {
      expect((await fixed()).left).toEqual(['PinSource']);
      expect(statSync(elsewhere).mode & 0o777).toBe(0o644);
    } finally {
      rmSync(site.token.pinFile);
      chmodSync(elsewhere, 0o600);
      renameSync(elsewhere, site.token.pinFile);
    }
  });

  test('trust is found wrong in both places and set by --fix, as certutil sees it', async () => {
    await certutil('-M', '-n', ca, '-t', ',,');
    await certutil('-M', '-n', `${site.token.label}:${subsystem}`, '-t', 'C,,');
    expect(await failures('--login')).toEqual([
      `ERROR NssTrust ${ca}`,
      `ERROR NssTrust ${subsystem}`,
      `ERROR NssTokenTrust ${ca}`,
      `ERROR NssTokenTrust ${subsystem}`,
    ]);
    expect((await fixed('--login')).left).toEqual([]);
    expect(await site.tokenTrust()).toMatchObject({ [ca]: 'CTu,Cu,Cu', [subsystem]: 'u,u,u' });
  });

  test('without an answer --fix changes nothing', async () => {
    chmodSync(site.token.pinFile, 0o644);
    const { exitCode, stderr } = await site.cli('doctor', '--fix');
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/This would be done:\n {2}hsmonger: set the mode of .* to 0600\n.*say --yes/su) as string,
    });
    expect(statSync(site.token.pinFile).mode & 0o777).toBe(0o644);
    chmodSync(site.token.pinFile, 0o600);
  });

  test('a module NSS does not list is found', async () => {
    await nss('modutil', '-dbdir', `sql:${site.nss.database}`, '-delete', site.nss.moduleName ?? '', '-force');
    try {
      expect(await failures()).toContain('CRITICAL NssModule module-registered');
    } finally {
      await nss(
        'modutil',
        '-dbdir',
        `sql:${site.nss.database}`,
        '-add',
        site.nss.moduleName ?? '',
        '-libfile',
        site.token.module,
        '-force',
      );
    }
  });

  test('objects that hurt certmonger or a program are found on the token, each by its check', async () => {
    const der = path.join(site.directory, 'one.der');
    const key = path.join(site.directory, 'soft.pem');
    const certificate = path.join(site.directory, 'soft.crt');
    await run('openssl', ['x509', '-outform', 'der', '-out', der], {
      input: site.authority.certificates.find(({ nickname }) => nickname === subsystem)?.pem ?? '',
    });
    await run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      certificate,
      '-subj',
      '/CN=soft',
      '-days',
      '90',
    ]);
    await run('openssl', ['x509', '-in', certificate, '-outform', 'der', '-out', `${certificate}.der`]);
    for (const file of [der, key, `${certificate}.der`]) chownSync(file, site.owner.uid, site.owner.gid);
    chmodSync(site.directory, 0o755);
    await pkcs11('--write-object', der, '--type', 'cert', '--id', '77');
    await pkcs11('--write-object', key, '--type', 'privkey', '--id', '01', '--label', 'soft', '--extractable');
    await pkcs11('--write-object', `${certificate}.der`, '--type', 'cert', '--id', '01', '--label', 'soft');
    const file = path.join(site.configDir, 'hsmonger.toml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, `${text}\n[[certificate]]\nnickname = "soft"\nprofile = "caServerCert"\n`);
    try {
      const found = await doctor('--failures-only', '--login');
      expect(found.map(({ result, check, kw }) => `${result} ${check} ${kw.key}`)).toEqual([
        'CRITICAL CertificateLabels certificate-labels',
        `WARNING CertificateTwins ${subsystem}`,
        'ERROR KeyProtected soft',
        'CRITICAL KeyId soft',
      ]);
      expect(found[2]?.kw.finding).toMatch(/^The private key of 'soft' .*can be taken off the token \(CKA_EXTRACTABLE is true\)\.$/u);
    } finally {
      writeFileSync(file, text);
      await pkcs11('--delete-object', '--type', 'cert', '--id', '77');
      await pkcs11('--delete-object', '--type', 'cert', '--id', '01');
      await pkcs11('--delete-object', '--type', 'privkey', '--id', '01');
    }
    expect(await failures('--login')).toEqual([]);
  });

  test('the command line: lists, filters, a file, exit codes, and UNKNOWN where it cannot look', async () => {
    const list = await site.cli('doctor', '--list', '--source', 'hsmonger.pin');
    expect(list).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^SOURCE +CHECK +ABOUT\nhsmonger\.pin +PinSource .*\nhsmonger\.pin +PinWorks .*$/u) as string,
    });
    expect(await site.cli('doctor', '--source', 'nothing')).toMatchObject({ exitCode: 2, stdout: '' });
    expect(await site.cli('doctor', '--severity', 'bad')).toMatchObject({ exitCode: 2, stdout: '' });
    const fine = await site.cli('doctor', '--source', 'hsmonger.pin');
    expect(fine).toMatchObject({ exitCode: 0, stderr: '' });
    expect(fine.stdout).not.toContain('\u001b');
    const metrics = path.join(site.directory, 'doctor.prom');
    expect(
      await site.cli('doctor', '--source', 'hsmonger.pin', '--all-instances', '--output', 'prometheus', '--output-file', metrics),
    ).toMatchObject({ exitCode: 0, stdout: '' });
    expect(statSync(metrics).mode & 0o777).toBe(0o644);
    expect(readFileSync(metrics, 'utf8')).toContain(
      'hsmonger_doctor_check_state{instance="hsmonger",source="hsmonger.pin",check="PinSource"} 0\n',
    );
    expect(await site.cli('doctor', '--instance', 'none')).toMatchObject({ exitCode: 2, stdout: '' });
    expect(await site.cli('doctor', '--instance', 'none', '--output', 'nagios')).toMatchObject({
      exitCode: 3,
      stdout: expect.stringMatching(/^HSMONGER UNKNOWN - There is no instance 'none': /u) as string,
    });
    const broken = path.join(site.configDir, 'broken.toml');
    writeFileSync(broken, 'nonsense = true\n');
    try {
      const both = await site.cli('doctor', '--source', 'hsmonger.pin', '--all-instances', '--output', 'nagios');
      expect(both).toMatchObject({
        exitCode: 2,
        stdout: expect.stringMatching(/^HSMONGER CRITICAL - broken: In .*broken\.toml: .* \| critical=1;;0;0 .* success=2;;;0 /u) as string,
      });
    } finally {
      rmSync(broken);
    }
    expect(existsSync(broken)).toBe(false);
  });

  test('a wrong PIN is tried once and by --login only', async () => {
    writeFileSync(site.token.pinFile, 'not-the-pin\n');
    expect(await failures()).toEqual([]);
    const [first] = await doctor('--failures-only', '--login', '--source', 'hsmonger.pin');
    expect(first?.kw.finding).toContain('CKR_PIN_INCORRECT');
    const again = await doctor('--failures-only', '--login');
    expect(again.map(({ result, check }) => `${result} ${check}`)).toEqual(['WARNING TokenPinState', 'CRITICAL PinWorks']);
    expect(again[1]?.kw.finding).toContain('it is not tried again');
    writeFileSync(site.token.pinFile, `${site.token.pin}\n`);
    expect((await failures('--login')).filter((line) => !line.includes('TokenPinState'))).toEqual([]);
  });

  test('another token of the same label is told, with where they are', async () => {
    await createSoftToken({ directory: site.directory, beside: site.token, label: site.token.label });
    const [first, ...others] = await doctor('--failures-only');
    expect(others).toEqual([]);
    expect(first).toMatchObject({ result: 'CRITICAL', check: 'TokenPresent' });
    expect(first?.kw.finding).toMatch(/more than one token with the label .*, in slot 0x[0-9a-f]+ \(serial \w+\) and slot 0x/u);
  });
});
