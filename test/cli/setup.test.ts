import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../src/cli/main.js';
import { getcert } from '../rig/certmonger.js';
import { dogtagCertificates } from '../rig/authority.js';
import { runAs } from '../rig/run-as.js';
import { buildSite, hsmonger, snapshot, type Site } from './site.js';

let site: Site;
let tokenBefore: string;
let nssBefore: string;

// 200 days left: nothing is due, so what changes was changed by the command under test.
beforeAll(async () => {
  site = await buildSite({ each: { daysLeft: 200 } });
  tokenBefore = await objectsOnToken();
  nssBefore = await nssListing();
}, 120_000);

afterAll(async () => {
  await site.remove();
});

async function objectsOnToken(): Promise<string> {
  const { token } = site;
  const { stdout } = await runAs(
    token.owner,
    'pkcs11-tool',
    ['--module', token.module, '--token-label', token.label, '--login', '--pin', token.pin, '-O'],
    { env: { ...token.environment } },
  );
  return stdout;
}

async function nssListing(): Promise<string> {
  const modules = await runAs(site.token.owner, 'modutil', ['-dbdir', `sql:${site.nss.database}`, '-rawlist'], {
    env: { ...site.token.environment },
  });
  const certificates = await runAs(site.token.owner, 'certutil', ['-L', '-d', `sql:${site.nss.database}`], {
    env: { ...site.token.environment },
  });
  return modules.stdout + certificates.stdout;
}

test('a refusal before the first write leaves everything as it was', async () => {
  // certmonger itself is still busy with its own CAs, so its witnesses are getcert's.
  const ours = () => [site.config, site.nss.database, site.token.tokenDirectory, site.certmonger.requestsDirectory].map(snapshot);
  const before = ours();
  const witnesses = async () => (await site.getcertList()) + (await getcert(site.bus, ['list-cas', '-c', 'hsmonger'])).stdout;
  const listed = await witnesses();
  const said = await hsmonger('setup', ...site.setupFlags, '--certificate', 'no such certificate=caOCSPCert');
  expect(said.exitCode).toBe(3);
  expect(said.err).toContain("'no such certificate'");
  expect(ours()).toEqual(before);
  expect(existsSync(path.join(site.state, 'hsmonger'))).toBe(false);
  expect(await witnesses()).toBe(listed);
});

test('status before setup says that there is no instance', async () => {
  const said = await hsmonger('status', ...site.here);
  expect(said).toMatchObject({ exitCode: 2, out: '' });
  expect(said.err).toMatch(
    /^hsmonger: There is no instance 'hsmonger': .*hsmonger\.toml does not exist\. Make it with 'hsmonger setup --instance hsmonger'\.\n$/u,
  );
});

test('setup hands all four certificates of a Dogtag CA to certmonger, with the token in both stores', async () => {
  const said = await hsmonger('setup', ...site.setupFlags);
  expect(said.exitCode, said.err + said.out).toBe(0);
  const listed = await site.getcertList();
  expect(listed).toContain('Number of certificates and requests being tracked: 4.');
  for (const { nickname, profile } of dogtagCertificates) {
    const record = listed.split('Request ID').find((text) => text.includes(`nickname='${nickname}'`)) ?? '';
    expect(record).toContain('status: MONITORING');
    expect(record.match(/token='softhsm_token'/gu)).toHaveLength(2);
    expect(record).toContain(`pinfile='${site.token.pinFile}'`);
    expect(record).toContain(`profile: ${profile}`);
    expect(record).toContain('CA: hsmonger');
  }
  const cas = (await getcert(site.bus, ['list-cas', '-c', 'hsmonger'])).stdout;
  expect(cas).toMatch(/helper-location: \S*\/dist\/hsmonger-submit --instance hsmonger --config-dir \S+ --state-dir \S+/u);
  expect(await nssListing()).toContain('name="libsofthsm2"');
});

test('what was there before is kept, certificates, key ids and labels', () => {
  const [name] = readdirSync(path.join(site.state, 'hsmonger')).filter((file) => file.startsWith('before-setup-'));
  const kept = JSON.parse(readFileSync(path.join(site.state, 'hsmonger', name!), 'utf8')) as {
    certificates: { label: string; id: string; pem: string }[];
    keys: { id: string }[];
  };
  expect(kept.certificates.map(({ label, id }) => `${label} ${id}`).sort()).toEqual(
    site.authority.certificates.map(({ nickname, keyId }) => `${nickname} ${keyId}`).sort(),
  );
  expect(kept.keys).toHaveLength(4);
});

/** certmonger goes on writing down what helpers answered of the CA that was registered: two snapshots alike, a second apart. */
async function atRest(directory: string): Promise<ReturnType<typeof snapshot>> {
  let last = snapshot(directory);
  for (let left = 30; left > 0; left--) {
    await sleep(1000);
    const next = snapshot(directory);
    if (isDeepStrictEqual(last, next)) return next;
    last = next;
  }
  throw new Error(`${directory} does not come to rest.`);
}

test('a second setup changes nothing and exits 0', async () => {
  const before = await atRest(site.directory);
  const listed = await site.getcertList();
  const said = await hsmonger('setup', ...site.setupFlags);
  expect(said).toMatchObject({ exitCode: 0, out: "Instance 'hsmonger' is set up already; nothing was changed.\n", err: '' });
  expect(snapshot(site.directory)).toEqual(before);
  expect(await site.getcertList()).toBe(listed);
});

test('a request certmonger is stuck over ends setup with 3, as it ends track apply, and a later run tracks it again', async () => {
  const { nickname } = dogtagCertificates[1]!;
  const conf = path.join(site.certmonger.home, '.config/softhsm2/softhsm2.conf');
  const again = async () => {
    expect(await hsmonger('track', 'stop', '--nickname', nickname, ...site.here)).toMatchObject({ exitCode: 0 });
  };
  await again();
  let out = '';
  const exitCode = await runCli(
    ['setup', ...site.setupFlags],
    {
      out: (text) => {
        out += text;
      },
      // The last thing before the request is made: pre-flight has seen the token, certmonger does not.
      err: (text) => {
        if (text.includes('what was there before is kept')) renameSync(conf, `${conf}.away`);
      },
      interactive: false,
      colour: false,
    },
    {},
  );
  renameSync(`${conf}.away`, conf);
  expect([exitCode, out]).toEqual([3, expect.stringContaining(`'${nickname}' (profile caOCSPCert): stuck (`)]);
  await again();
  expect(await hsmonger('setup', ...site.setupFlags)).toMatchObject({ exitCode: 0 });
});

test('a flag that contradicts the instance file is refused by name', async () => {
  const said = await hsmonger('setup', ...site.setupFlags, '--issuer-certificate', 'other');
  expect(said.exitCode).toBe(2);
  expect(said.err).toContain('says otherwise than --issuer-certificate');
});

test('status shows the days left of each certificate and that nothing needs attention', async () => {
  const said = await hsmonger('status', ...site.here);
  expect(said.err).toBe('');
  expect(said.exitCode, said.out).toBe(0);
  const lines = said.out.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^NICKNAME +TOKEN +STATE +DAYS LEFT +NEXT RENEWAL +PROBLEM$/u);
  expect(lines).toHaveLength(5);
  expect(lines.slice(1).every((line) => / softhsm_token {2}MONITORING +(199|200) /u.test(line))).toBe(true);
});

test('status still tells what the token says while certmonger is down', async () => {
  await site.certmonger.stop();
  try {
    const said = await hsmonger('status', '--json', ...site.here);
    expect(said.exitCode).toBe(3);
    const report = JSON.parse(said.out) as { rows: { state: string; daysLeft: number }[]; troubles: string[] };
    expect(report.rows.map(({ state }) => state)).toEqual(['unknown', 'unknown', 'unknown', 'unknown']);
    expect(report.rows.every(({ daysLeft }) => daysLeft >= 199)).toBe(true);
    expect(report.troubles.join()).toContain('certmonger does not run');
  } finally {
    await site.certmonger.restart();
  }
});

test('renew --dry-run tells what would be sent and issued, and changes nothing', async () => {
  const listed = await site.getcertList();
  const said = await hsmonger('renew', '--all', '--dry-run', '--json', ...site.here);
  expect(said.exitCode, said.err + said.out).toBe(0);
  const runs = JSON.parse(said.out) as {
    nickname: string;
    send: { profile: string; keySize: number };
    issue: { ok: boolean; subject: string; notAfter: string; signer: string };
  }[];
  expect(runs).toHaveLength(4);
  expect(runs[0]).toMatchObject({
    nickname: 'caSigningCert cert-pki-ca',
    send: { profile: 'caCACert', keySize: 2048 },
    issue: { ok: true, signer: 'caSigningCert cert-pki-ca' },
  });
  expect(await site.getcertList()).toBe(listed);
});

test('renew --wait gives the certificates new ones with the same keys, the CA first', async () => {
  const said = await hsmonger('renew', '--all', '--wait', '240', '--json', ...site.here);
  expect(said.exitCode, said.err + said.out).toBe(0);
  const reports = JSON.parse(said.out) as {
    nickname: string;
    result: string;
    before: { serial: string; key: string; notAfter: string };
    after: { serial: string; key: string; notAfter: string };
  }[];
  expect(reports.map(({ nickname }) => nickname)[0]).toBe('caSigningCert cert-pki-ca');
  for (const { result, before, after } of reports) {
    expect(result).toBe('renewed');
    expect(after.key).toBe(before.key);
    expect(after.serial).not.toBe(before.serial);
    expect(Date.parse(after.notAfter)).toBeGreaterThan(Date.parse(before.notAfter));
  }
  const privateKeys = (text: string) => [...text.matchAll(/Private Key Object[^]*?ID: +([0-9a-f]+)/gu)].map((match) => match[1]).sort();
  expect(privateKeys(await objectsOnToken())).toEqual(privateKeys(tokenBefore));
}, 300_000);

test('status after the renewal is clean again', async () => {
  const said = await hsmonger('status', ...site.here);
  expect(said.exitCode, said.out + said.err).toBe(0);
});

test('unsetup takes back what setup did and leaves keys, certificates and state where they are', async () => {
  const objects = await objectsOnToken();
  const said = await hsmonger('unsetup', '--yes', ...site.here);
  expect(said.exitCode, said.err + said.out).toBe(0);
  expect(said.out).toContain('--purge deletes it');
  expect(await site.getcertList()).toContain('Number of certificates and requests being tracked: 0.');
  expect((await getcert(site.bus, ['list-cas'])).stdout).not.toContain("'hsmonger'");
  expect(existsSync(path.join(site.config, 'hsmonger.toml'))).toBe(false);
  expect(existsSync(path.join(site.state, 'hsmonger', 'ledger.sqlite'))).toBe(true);
  expect(await objectsOnToken()).toBe(objects);
  const modulesOf = (text: string) => [...text.matchAll(/name="[^"]*"/gu)].map(String);
  expect(modulesOf(await nssListing())).toEqual(modulesOf(nssBefore));
});

test('every file below token and database belongs to the service user', () => {
  for (const directory of [site.token.tokenDirectory, site.nss.database, path.join(site.state, 'hsmonger')]) {
    const owners = new Set(Object.values(snapshot(directory)).map((line) => line.split(' ')[1]));
    expect([...owners]).toEqual([String(site.token.owner!.uid)]);
  }
});
