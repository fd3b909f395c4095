/** Red Hat Certificate System's page on HSMs (6.3.9), each of its rules by our commands on real tokens. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseInstance } from '../../src/config/schema.js';
import { createAuthority } from '../rig/authority.js';
import { startSite, type Site } from '../rig/site.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { runAs } from '../rig/run-as.js';

let site: Site;
let empty: SoftToken;

const table = (token: SoftToken) =>
  `label = "${token.label}"\nmodule = "${token.module}"\npin-file = "${token.pinFile}"\nenvironment = { SOFTHSM2_CONF = "${token.confFile}" }\n`;
const instanceText = (token: SoftToken, issuer: string, certificates: readonly string[], more = '') =>
  `user = "${site.owner.name}"\n[token]\n${table(token)}[nss]\ndatabase = "${site.nss.database}"\n[issuer]\ntype = "token"\ncertificate = "${issuer}"\n${more}${certificates.map((nickname) => `[[certificate]]\nnickname = "${nickname}"\nprofile = "caOCSPCert"\n`).join('')}`;
const write = (name: string, text: string) => {
  writeFileSync(path.join(site.configDir, `${name}.toml`), text, { mode: 0o644 });
};
const flags = (token: SoftToken) => [
  '--module',
  token.module,
  '--token',
  token.label,
  '--pin-file',
  token.pinFile,
  '--user',
  site.owner.name,
  '--module-env',
  `SOFTHSM2_CONF=${token.confFile}`,
];
const objectsOf = async (token: SoftToken) =>
  (
    await runAs(
      site.owner,
      'pkcs11-tool',
      ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:RIG_PIN', '-O'],
      {
        env: { ...token.environment, RIG_PIN: token.pin },
        cwd: '/',
      },
    )
  ).stdout;

beforeAll(async () => {
  site = await startSite({
    authority: {
      certificates: [
        { nickname: 'ca', profile: 'caCACert', daysLeft: 300 },
        { nickname: 'ca ocsp', profile: 'caOCSPCert', daysLeft: 300 },
        { nickname: 'kra ca', profile: 'caCACert', daysLeft: 300, issuer: 'kra ca' },
        { nickname: 'kra ocsp', profile: 'caOCSPCert', daysLeft: 300, issuer: 'kra ca' },
      ],
    },
  });
  empty = await createSoftToken({ directory: site.directory, label: 'fresh slot', beside: site.token });
  mkdirSync(site.configDir, { recursive: true });
});
afterAll(async () => {
  await site.stop();
});

describe('"All system keys for a subsystem must be generated on the same token."', () => {
  const parsed = (pki: string) => () =>
    parseInstance(
      'pki',
      '/etc/hsmonger/pki.toml',
      parse(
        instanceText(
          site.token,
          'ca',
          [],
          `${pki}[tokens.other]\n${table(empty)}[[certificate]]\nnickname = "ca ocsp"\nprofile = "caOCSPCert"\ntoken = "other"\n`,
        ),
      ),
    );

  it('an instance that is a subsystem is refused where one of them lies on another', () => {
    expect(parsed('[pki]\n')).toThrow(
      /puts 'ca ocsp' on a token of its own, and with \[pki\] this is a Dogtag subsystem, whose system keys all have to be on one token/u,
    );
  });

  it('an instance that is none may have several', () => {
    expect(parsed('')().otherTokens).toHaveProperty('other');
  });
});

describe('"The subsystem keys must be installed in an empty HSM slot."', () => {
  it('an empty one is told so', async () => {
    expect(await site.cli('token', 'check', '--empty', ...flags(empty))).toMatchObject({
      exitCode: 0,
      stdout: "Token 'fresh slot' is empty, and the only one of that label: a first installation may have it.",
    });
  });

  it("one with keys is not; what is there is told, with the vendor's utility, and nothing is deleted", async () => {
    const before = await objectsOf(site.token);
    const { exitCode, stdout } = await site.cli('token', 'check', '--empty', ...flags(site.token));
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/not empty: it holds 4 private keys, 4 public keys, 4 certificates \('ca', 'ca ocsp', 'kra ca', 'kra ocsp'\)/u);
    expect(stdout).toMatch(/softhsm2-util --delete-token --token 'softhsm_token'/u);
    expect(await objectsOf(site.token)).toBe(before);
  });

  it('"has to be able to create certificates and keys on the slot with default nicknames": an earlier installation\'s are named', async () => {
    const used = await createSoftToken({ directory: site.directory, label: 'used', beside: site.token });
    await createAuthority(used, { certificates: [{ nickname: 'caSigningCert cert-pki-ca', profile: 'caCACert' }] });
    const { exitCode, stdout } = await site.cli('token', 'check', '--empty', '--json', ...flags(used));
    expect(exitCode).toBe(3);
    expect((JSON.parse(stdout) as { refusals: { check: string }[] }).refusals.map(({ check }) => check)).toEqual([
      'slot-nicknames',
      'slot-empty',
    ]);
  });

  it('two tokens of one name are in the way, and one that is not there', async () => {
    await createSoftToken({ directory: site.directory, label: 'twin', beside: site.token });
    const twin = await createSoftToken({ directory: site.directory, label: 'twin', beside: site.token });
    const two = await site.cli('token', 'check', '--empty', ...flags(twin));
    expect(two).toMatchObject({ exitCode: 3 });
    expect(two.stdout).toMatch(/more than one token with the label 'twin'/u);
    expect(await site.cli('token', 'check', '--empty', ...flags({ ...empty, label: 'nobody' }))).toMatchObject({
      exitCode: 3,
      stdout: expect.stringMatching(/There is no token with the label 'nobody'/u) as string,
    });
  });
});

describe('"A single HSM can be used to store certificates and keys for multiple subsystem instances."', () => {
  it('two instances share the token, each with its own CA and nicknames', async () => {
    write('one', instanceText(site.token, 'ca', ['ca ocsp']));
    write('two', instanceText(site.token, 'kra ca', ['kra ocsp']));
    for (const name of ['one', 'two']) {
      const run = await site.cli('setup', '--yes', '--instance', name);
      expect(run, run.stdout + run.stderr).toMatchObject({ exitCode: 0 });
    }
    expect([...(await site.getcertRecords()).keys()].sort()).toEqual(['one.ca_ocsp', 'two.kra_ocsp']);
  });

  it('"any certificate nickname for a subsystem must be unique for every subsystem instance managed on the HSM": refused before anything happens', async () => {
    write('two', instanceText(site.token, 'kra ca', ['kra ocsp', 'ca ocsp']));
    const { exitCode, stdout } = await site.cli('track', 'plan', '--instance', 'two');
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(
      /refused \(nickname-shared\): The certificate 'ca ocsp' on the token 'softhsm_token' is in the instance 'one' as well/u,
    );
    expect((await site.cli('track', 'apply', '--instance', 'two')).exitCode).not.toBe(0);
    expect([...(await site.getcertRecords()).keys()].sort()).toEqual(['one.ca_ocsp', 'two.kra_ocsp']);
  });

  it('nor may two instances issue with one CA; doctor says so too', async () => {
    write('two', instanceText(site.token, 'ca', ['kra ocsp']));
    const { stdout } = await site.cli('track', 'plan', '--instance', 'two');
    expect(stdout).toMatch(/refused \(issuer-shared\): The instances 'two' and 'one' both issue with the CA 'ca' on one token/u);
    const doctor = await site.cli('doctor', '--instance', 'two', '--json');
    const found = (JSON.parse(doctor.stdout) as { check: string; result: string; kw: { msg: string } }[]).find(
      ({ check }) => check === 'InstancesApart',
    );
    expect(found).toMatchObject({ result: 'ERROR' });
  });
});
