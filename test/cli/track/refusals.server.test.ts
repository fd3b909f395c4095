import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { run } from '../../../src/platform/run.js';
import { createAuthority, dogtagCertificates } from '../../rig/authority.js';
import { getcert } from '../../rig/certmonger.js';
import { runAs } from '../../rig/run-as.js';
import { createSoftToken } from '../../rig/soft-token.js';
import { hsmonger } from '../site.js';
import { trackingRig, type RigOptions, type TrackingRig } from '../../tracking/tracking-rig.js';

let rig: TrackingRig | undefined;

afterEach(async () => {
  await rig?.remove();
  rig = undefined;
});

const ca = dogtagCertificates[0]!;
const two = { certificates: dogtagCertificates.slice(0, 2) };
const ocsp = 'ocspSigningCert cert-pki-ca';

async function made(options: RigOptions = {}): Promise<TrackingRig> {
  rig = await trackingRig({ authority: two, ...options });
  return rig;
}

/** Apply refuses for this reason alone, says it, and certmonger has no request afterwards. */
async function expectRefusal(subject: TrackingRig, check: string, words: string): Promise<void> {
  const { code, err, message } = await subject.run('apply');
  expect({ code, checks: [...err.matchAll(/^refused \((.*?)\)/gmu)].map((match) => match[1]) }).toEqual({
    code: 'PREFLIGHT_FAILED',
    checks: [check],
  });
  expect(err).toContain(words);
  expect(message).toContain("Instance 'testca' is not handed to certmonger");
  expect((await getcert(subject.bus, ['list'])).stdout).toContain('being tracked: 0.');
}

async function pkcs11Tool(subject: TrackingRig, ...args: string[]): Promise<string> {
  const { token } = subject;
  return (
    await runAs(
      token.owner,
      'pkcs11-tool',
      ['--module', token.module, '--token-label', token.label, '--login', '--pin', token.pin, ...args],
      { env: token.environment, cwd: '/' },
    )
  ).stdout;
}

test('an unlabelled certificate anywhere on the token is refused', async () => {
  const subject = await made();
  await createAuthority(subject.token, {
    certificates: [{ nickname: 'nobody', profile: 'caServerCert', unlabelled: true, issuer: ca.nickname }],
  });
  await expectRefusal(subject, 'certificate-labels', 'without a label');
});

test('a key with a foreign CKA_ID is refused, and the fix that is named lets it in', async () => {
  const subject = await made({ authority: { ...two, only: { [ocsp]: { keyId: '01' } } } });
  await expectRefusal(subject, 'key-id', 'has the CKA_ID 01');
  const fix = /Run 'hsmonger (token move-id [^']+)'/u.exec((await subject.run('plan')).out)?.[1]?.split(' ') ?? [];
  // What it says to run names the instance.
  expect(fix).toContain('--instance');
  const moved = await hsmonger(...fix, ...subject.here.filter((word, at, all) => word !== '--instance' && all[at - 1] !== '--instance'));
  expect(moved.exitCode, moved.err).toBe(0);
  expect(await subject.run('apply')).toMatchObject({ exitCode: 0, err: '' });
});

test('a second token of the same label is refused', async () => {
  const subject = await made();
  await createSoftToken({ directory: subject.directory, label: subject.token.label, beside: subject.token });
  expect(await subject.run('apply')).toMatchObject({ code: 'TOKEN_AMBIGUOUS' });
  expect((await getcert(subject.bus, ['list'])).stdout).toContain('being tracked: 0.');
});

test('certmonger.conf with max_key_use_count is refused', async () => {
  await expectRefusal(await made({ conf: '[defaults]\nmax_key_use_count = 2\n' }), 'rekeying', 'max_key_use_count = 2');
});

test('an NSS database the service user cannot write is refused', async () => {
  const subject = await made();
  chmodSync(path.join(subject.nss.database, 'cert9.db'), 0o400);
  await expectRefusal(subject, 'nss-database', 'cert9.db');
});

test('an NSS database without the module is refused', async () => {
  await expectRefusal(await made({ unregistered: true }), 'module-registered', 'modutil');
});

test("a label with ':' is refused", async () => {
  await expectRefusal(await made({ label: 'hsm:1', unregistered: false }), 'token-label', "'hsm:1'");
});

test("a token certmonger's children do not see is refused", async () => {
  const subject = await made({ hidden: true });
  await expectRefusal(subject, 'token-visible', 'SOFTHSM2_CONF, which certmonger does not pass on');
});

test('a configuration only root can read is refused: the child that saves runs as the service user', async () => {
  const subject = await made();
  chmodSync(path.join(subject.certmonger.home, '.config'), 0o700);
  await expectRefusal(subject, 'token-visible', "save, as user 'pkiuser'");
});

test('a certificate whose key is not there, or that is not there, is refused', async () => {
  const subject = await made();
  subject.configure([
    [ca.nickname, ca.profile],
    ['no such certificate', 'caServerCert'],
  ]);
  await expectRefusal(subject, 'key-proven', "no certificate 'no such certificate'");
  subject.configure();
  const id = subject.authority.certificate(ocsp).keyId;
  await pkcs11Tool(subject, '--delete-object', '--type', 'privkey', '--id', id);
  await expectRefusal(subject, 'key-proven', `private key of the certificate '${ocsp}' is not on the token`);
});

test('two certificates of one subject are refused', async () => {
  const subject = await made();
  await createAuthority(subject.token, {
    certificates: [{ nickname: 'twin', profile: 'caServerCert', issuer: ca.nickname, subject: dogtagCertificates[1]!.subject! }],
  });
  await expectRefusal(subject, 'subjects', "'twin'");
});

test('a CA that is not registered, or registered for another helper, is refused', async () => {
  const subject = await made();
  await getcert(subject.bus, ['modify-ca', '-c', 'testca', '-e', '/bin/false']);
  await expectRefusal(subject, 'ca-registered', 'runs "/bin/false"');
  await getcert(subject.bus, ['remove-ca', '-c', 'testca']);
  await expectRefusal(subject, 'ca-registered', "knows no CA 'testca'");
});

test("somebody else's request for the certificate is refused, with the way to hand it over, and start works for the other one", async () => {
  const subject = await made();
  await getcert(subject.bus, [
    'start-tracking',
    '-I',
    'old',
    '-d',
    `sql:${subject.nss.database}`,
    '-n',
    ocsp,
    '-t',
    subject.token.label,
    '-p',
    subject.token.pinFile,
    '-c',
    'SelfSign',
  ]);
  const { code, err } = await subject.run('apply');
  expect(code).toBe('PREFLIGHT_FAILED');
  expect(err).toContain("already tracks 'ocspSigningCert cert-pki-ca'");
  expect(await subject.start(ca.nickname)).toMatchObject({ exitCode: 0, out: 'added testca.caSigningCert_cert-pki-ca\n' });
  const [, command = ''] = /(getcert stop-tracking -i old)/u.exec(err) ?? [];
  await getcert(subject.bus, command.split(' ').slice(1));
  expect(await subject.run('apply')).toMatchObject({ exitCode: 0, out: 'added testca.ocspSigningCert_cert-pki-ca\n' });
});

test('a PIN that is wrong is one failed login, and nothing is tracked', async () => {
  const subject = await made();
  writeFileSync(subject.token.pinFile, 'wrong-pin\n');
  // The helper may have been first: certmonger asks a CA it has just learnt of for its roots.
  expect(['PIN_INCORRECT', 'PIN_KNOWN_BAD']).toContain((await subject.run('apply')).code);
  expect(await subject.run('apply')).toMatchObject({ code: 'PIN_KNOWN_BAD' });
  expect((await getcert(subject.bus, ['list'])).stdout).toContain('being tracked: 0.');
});

test('a token that goes away between pre-flight and add is told as stuck, and taken away again by stop', async () => {
  const subject = await made();
  const conf = path.join(subject.certmonger.home, '.config/softhsm2/softhsm2.conf');
  const { applyChanges } = await import('../../../src/tracking/apply.js');
  const { withTracker } = await import('../../../src/tracking/survey.js');
  const { loadInstance } = await import('../../../src/config/load.js');
  const directories = { config: path.join(subject.directory, 'config'), state: path.join(subject.directory, 'state') };
  await withTracker({ instance: loadInstance(directories, 'testca'), directories }, subject.bus.address, {}, async (tracker) => {
    const { changes, refusals } = await tracker.survey();
    expect(refusals).toEqual([]);
    renameSync(conf, `${conf}.away`);
    const [step] = await applyChanges(tracker.certmonger, changes.slice(0, 1));
    expect(step).toMatchObject({ outcome: 'stuck', status: 'NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN' });
  });
  expect(
    readFileSync(
      path.join(subject.certmonger.requestsDirectory, (await run('ls', [subject.certmonger.requestsDirectory])).stdout.trim()),
      'utf8',
    ),
  ).not.toMatch(/^key_pin=/mu);
  expect(await subject.stop({ nickname: ca.nickname })).toMatchObject({ exitCode: 0 });
});

test('without a bus, or without certmonger on it, one sentence says so', async () => {
  const subject = await made();
  await subject.certmonger.stop();
  expect(await subject.run('apply')).toMatchObject({ code: 'CERTMONGER_UNAVAILABLE' });
  await subject.bus.stop();
  expect(await subject.run('list')).toMatchObject({ code: 'BUS_UNAVAILABLE' });
});
