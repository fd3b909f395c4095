import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { profileNames } from '../../src/config/profile-names.js';
import { privateDirectory } from '../rig/directory.js';
import { startDogtag, type Dogtag } from '../rig/dogtag.js';
import { url } from '../rig/dogtag/server.js';
import { makeCsr, makeKeys, pem } from '../x509/material.js';
import type { EnrolJob, EnrolResult } from './enrol-worker.js';

const directory = privateDirectory('hsmonger-dogtag-issuer');
/** nsenter(1) goes to '/', and tsx wants to be where tsconfig.json is. */
const worker = [
  '-C',
  path.resolve(import.meta.dirname, '../..'),
  process.execPath,
  '--import',
  'tsx',
  path.join(import.meta.dirname, 'enrol-worker.ts'),
];
let dogtag: Dogtag;
beforeAll(async () => {
  dogtag = await startDogtag();
});
afterAll(async () => {
  await dogtag.stop();
  directory.remove();
});

type Given = Pick<EnrolJob, 'enrolments'> & Partial<EnrolJob>;
const jobOf = ({ ledger = 'ledger.sqlite', ...given }: Given): EnrolJob => ({
  url,
  caFile: dogtag.caFile,
  ledger: path.join(directory.path, ledger),
  ...given,
});

async function enrol(given: Given): Promise<EnrolResult[]> {
  const { stdout } = await dogtag.enter('env', worker, { input: JSON.stringify({ input: jobOf(given) }), timeoutMs: 240_000 });
  return JSON.parse(stdout) as EnrolResult[];
}

const asAgent = () => ({ agent: dogtag.admin });
const csrFor = async (commonName: string, keys?: Awaited<ReturnType<typeof makeKeys>>) =>
  pem(await makeCsr({ keys: keys ?? (await makeKeys()), subject: `O=EXAMPLE, CN=${commonName}` }), 'CERTIFICATE REQUEST');
const certificateOf = (result: EnrolResult | undefined) => {
  if (result === undefined || !('certificate' in result)) throw new Error(JSON.stringify(result));
  return new X509Certificate(result.certificate);
};

const endOf = (result: EnrolResult | undefined) => new Date(certificateOf(result).validTo).getTime();

/** How many certificates the CA says it has made for a name, revoked ones too. */
async function madeFor(commonName: string): Promise<number> {
  const { stdout } = await dogtag.enter('curl', [
    '--silent',
    '--show-error',
    '--fail',
    '--cacert',
    dogtag.caFile,
    '--header',
    'Accept: application/json',
    '--header',
    'Content-Type: application/json',
    '--data',
    JSON.stringify({ subjectInUse: true, commonName, matchExactly: true }),
    `${url}/ca/rest/certs/search`,
  ]);
  return (JSON.parse(stdout) as { readonly entries: readonly unknown[] }).entries.length;
}

describe.each(['v1', 'servlets'])('the CA itself, through %s', (through) => {
  // Dogtag's caUserCert takes the subject from fields of a form; an instance file that asks it for one is refused (config/schema.ts).
  it.each(profileNames.filter((name) => name !== 'caUserCert'))('issues and renews with profile %s, the key kept', async (profile) => {
    const csr = await csrFor(`${profile} ${through}`);
    const [first] = await enrol({ through, ...asAgent(), enrolments: [{ csr, profile }] });
    const old = certificateOf(first);
    await sleep(1100);
    const [again, renewed] = await enrol({
      through,
      ...asAgent(),
      enrolments: [
        { csr, profile },
        { csr, profile, old: old.toString() },
      ],
    });
    expect(certificateOf(again).fingerprint256).toBe(old.fingerprint256);
    expect(certificateOf(renewed).publicKey.equals(old.publicKey)).toBe(true);
    expect(endOf(renewed)).toBeGreaterThan(new Date(old.validTo).getTime());
  });

  it('has a request that waits approved late, and the next process gets the certificate', async () => {
    const enrolment = { csr: await csrFor(`late ${through}`), profile: 'caServerCert' };
    const [waiting] = await enrol({ through, enrolments: [enrolment] });
    expect(waiting).toMatchObject({
      pending: expect.stringMatching(/^state=check&requestId=\d+$/u) as string,
      message: expect.stringMatching(/waits at the CA: it has no agent here/u) as string,
    });
    const { pending } = waiting as { pending: string };
    expect(await enrol({ through, enrolments: [{ ...enrolment, pending }] })).toEqual([waiting]);
    const approved = new X509Certificate(await dogtag.approve(pending.replace(/^.*=/u, '')));
    const [byLedger] = await enrol({ through, enrolments: [enrolment] });
    const [byCookie] = await enrol({ through, ledger: `${through}-other.sqlite`, enrolments: [{ ...enrolment, pending }] });
    expect([byLedger, byCookie].map((result) => certificateOf(result).fingerprint256)).toEqual([
      approved.fingerprint256,
      approved.fingerprint256,
    ]);
  });

  it('makes one certificate, however often the asking process is killed', async () => {
    const commonName = `killed-${through}.example.test`;
    const enrolment = { csr: await csrFor(commonName), profile: 'caServerCert' };
    const job = JSON.stringify({ input: jobOf({ through, ...asAgent(), enrolments: [enrolment] }) });
    // How long one takes now, on this machine: killed at ten points of that time, from before the first byte leaves to after the answer.
    const start = Date.now();
    await enrol({
      through,
      ledger: 'clean.sqlite',
      ...asAgent(),
      enrolments: [{ csr: await csrFor(`clean-${through}.example.test`), profile: 'caServerCert' }],
    });
    const whole = Date.now() - start;
    let killed = 0;
    for (let tenth = 1; tenth <= 10; tenth++) {
      const [program, args] = dogtag.command('env', worker);
      const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'inherit'] });
      child.stdin.end(job);
      const exit = once(child, 'exit');
      await Promise.race([sleep((whole * tenth) / 10), exit]);
      if (child.exitCode === null) {
        killed++;
        child.kill('SIGKILL');
      }
      await exit;
    }
    expect(killed).toBeGreaterThan(0);
    certificateOf((await enrol({ through, ...asAgent(), enrolments: [enrolment] }))[0]);
    expect(await madeFor(commonName)).toBe(1);
  });
});

describe('the CA itself', () => {
  it('is found to speak v1', async () => {
    const [result] = await enrol({
      ledger: 'negotiated.sqlite',
      ...asAgent(),
      enrolments: [{ csr: await csrFor('negotiated'), profile: 'caServerCert' }],
    });
    certificateOf(result);
  });

  it('gives its own refusals in its words', async () => {
    const csr = await csrFor('refused');
    const results = await enrol({
      through: 'v1',
      ...asAgent(),
      enrolments: [
        { csr, profile: 'caNope' },
        { csr, profile: 'caInternalAuthServerCert' },
      ],
    });
    expect(results).toEqual([
      expect.objectContaining({ code: 'PROFILE_UNKNOWN', message: expect.stringMatching(/Profile caNope Not Found/u) as string }),
      expect.objectContaining({ code: 'CA_REFUSED', message: expect.stringMatching(/Failed Authentication/u) as string }),
    ]);
  });

  it('has a lightweight CA whose key it looks for on the token, where it did not make it: its renewal waits, and nothing is issued', async () => {
    const jar = path.join(directory.path, 'jar');
    const asAdmin = async (...args: string[]) =>
      JSON.parse(
        (
          await dogtag.enter('curl', [
            '--silent',
            '--show-error',
            '--fail',
            '--cacert',
            dogtag.caFile,
            '--cert',
            dogtag.admin.certificate,
            '--key',
            dogtag.admin.key,
            '--cookie',
            jar,
            '--cookie-jar',
            jar,
            '--header',
            'Accept: application/json',
            '--header',
            'Content-Type: application/json',
            ...args,
          ])
        ).stdout,
      ) as unknown;
    await asAdmin(`${url}/ca/rest/account/login`);
    const [main] = (await asAdmin(`${url}/ca/rest/authorities`)) as { readonly id: string }[];
    const { id: authority, ready } = (await asAdmin(
      '--data',
      JSON.stringify({ dn: 'CN=Light,O=EXAMPLE', parentID: main!.id, enabled: true }),
      `${url}/ca/rest/authorities`,
    )) as { readonly id: string; readonly ready: boolean };
    expect(ready).toBe(false);
    const before = await madeFor('Certificate Authority');
    const [result] = await enrol({
      through: 'v1',
      ...asAgent(),
      enrolments: [{ csr: await csrFor('Light'), profile: 'caCACert', authority }],
    });
    expect(result).toMatchObject({ code: 'CA_ANSWER_INVALID', message: expect.stringMatching(/is not ready there/u) as string });
    expect(await madeFor('Certificate Authority')).toBe(before);
  });

  it('killed in the middle of ten requests: no answer is taken amiss, and after its restart, with nonces on, each is made once', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `middle-${String(index)}.example.test`);
    const enrolments = await Promise.all(names.map(async (name) => ({ csr: await csrFor(name), profile: 'caServerCert' })));
    const underway = enrol({ through: 'v1', ...asAgent(), enrolments });
    await sleep(2500);
    await dogtag.killServer();
    const during = await underway;
    for (const result of during)
      expect('certificate' in result || ('code' in result && ['CA_UNREACHABLE', 'CA_ANSWER_INVALID'].includes(result.code))).toBe(true);
    await dogtag.inside('sed', ['-i', 's/^ca.enableNonces=false/ca.enableNonces=true/', '/etc/pki/pki-tomcat/ca/CS.cfg']);
    await dogtag.inside('systemctl', ['start', dogtag.unit], { timeoutMs: 120_000 });
    // While it starts it is away, never wrong.
    for (const end = Date.now() + 120_000; ; await sleep(300)) {
      const [result] = await enrol({ ...asAgent(), enrolments: enrolments.slice(-1) });
      if (result !== undefined && 'certificate' in result) break;
      expect(result).toMatchObject({ code: 'CA_UNREACHABLE' });
      expect(Date.now()).toBeLessThan(end);
    }
    const after = await enrol({ ...asAgent(), enrolments });
    const made = after.map((result) => certificateOf(result).fingerprint256);
    during.forEach((result, index) => {
      if ('certificate' in result) expect(certificateOf(result).fingerprint256).toBe(made[index]);
    });
    expect(await Promise.all(names.map(madeFor))).toEqual(names.map(() => 1));
  });

  it('with nonces on is approved through the servlets too', async () => {
    certificateOf(
      (await enrol({ through: 'servlets', ...asAgent(), enrolments: [{ csr: await csrFor('nonces'), profile: 'caServerCert' }] }))[0],
    );
  });
});
