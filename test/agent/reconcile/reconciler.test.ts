import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectCertmonger, type Certmonger } from '../../../dbus/certmonger.js';
import { linkCertmonger } from '../../../src/agent/certmonger-link.js';
import { startReconciler, type ReconcilerPace } from '../../../src/agent/reconcile/reconciler.js';
import { loadInstance } from '../../../src/config/load.js';
import { systemClock } from '../../../src/platform/clock.js';
import { getcert, getcertRecords } from '../../rig/certmonger.js';
import { trackingRig, type TrackingRig } from '../../tracking/tracking-rig.js';
import { handMadeCare, toldProber, until, wellProbe } from '../instances/hand-made-context.js';

const pace: ReconcilerPace = { everyMs: 3_600_000, quietMs: 1000, mostMs: 20_000, againMs: 1000 };
const [, ocsp, audit, subsystem] = ['caSigningCert', 'ocspSigningCert', 'auditSigningCert', 'subsystemCert'].map(
  (name) => `testca.${name}_cert-pki-ca`,
) as [string, string, string, string];
let rig: TrackingRig;
let client: Certmonger;
let parts: ReturnType<typeof start>;

function start(its = pace) {
  const directories = { config: path.join(rig.directory, 'config'), state: path.join(rig.directory, 'state') };
  const prober = toldProber(wellProbe());
  const certmonger = linkCertmonger(rig.bus.address, {}, () => undefined);
  const made = handMadeCare({
    instance: loadInstance(directories, 'testca'),
    directories,
    certmonger,
    prober,
    clock: systemClock,
    list: () => client.listRequests(),
    everyMs: 200,
  });
  return { made, prober, certmonger, reconciler: startReconciler(made.context, its) };
}

async function stop() {
  parts.made.end();
  await parts.reconciler.ended;
  parts.certmonger.close();
}

const record = async (id: string) => (await getcertRecords(rig.bus)).get(id);

beforeAll(async () => {
  rig = await trackingRig();
  client = await connectCertmonger(rig.bus.address);
  parts = start();
});

afterAll(async () => {
  await stop();
  client.disconnect();
  await rig.remove();
});

test('at its start it adds what is missing', async () => {
  await until('all tracked', async () => (await getcertRecords(rig.bus)).size === 4);
  await until('it says so', () => parts.reconciler.latest()?.changes === 4);
  expect(parts.reconciler.latest()?.refusals).toEqual([]);
  expect(
    parts.made.told.filter(({ kind }) => kind === 'reconciled').map(({ nickname, details }) => [nickname, details?.['change']]),
  ).toContainEqual(['ocspSigningCert cert-pki-ca', 'add']);
});

test('a request removed with getcert comes back', async () => {
  await getcert(rig.bus, ['stop-tracking', '-i', subsystem]);
  await until('it is back', async () => (await record(subsystem))?.get('status') === 'MONITORING');
});

test('wrong profile, CA, hook and PIN file are put right', async () => {
  await getcert(rig.bus, ['start-tracking', '-i', ocsp, '-T', 'caServerCert', '-C', '/bin/true', '-c', 'SelfSign']);
  await getcert(rig.bus, ['start-tracking', '-i', audit, '-p', '/nonexistent/pin']);
  await until('the profile is right', async () => (await record(ocsp))?.get('profile') === 'caOCSPCert');
  await until(
    'the PIN file is right',
    async () => (await record(audit))?.get('key pair storage')?.includes(`pinfile='${rig.token.pinFile}'`) === true,
  );
  await until(
    'both rest',
    async () => (await record(ocsp))?.get('status') === 'MONITORING' && (await record(audit))?.get('status') === 'MONITORING',
  );
  expect(await record(ocsp).then((lines) => lines?.get('CA'))).toBe('testca');
  expect(await record(ocsp).then((lines) => lines?.get('post-save command'))).toContain(`--request ${ocsp}`);
  await until('told', () =>
    parts.made.told.some(({ kind, message }) => kind === 'reconciled' && message.includes('profile: caServerCert instead of caOCSPCert')),
  );
});

test('a request that is not ours is told of and left alone', async () => {
  const taken = (await client.request(subsystem).read()).certificateStorage;
  await getcert(rig.bus, ['stop-tracking', '-i', subsystem]);
  await getcert(rig.bus, [
    'start-tracking',
    '-I',
    'somebodys',
    '-d',
    taken.database!,
    '-n',
    taken.nickname!,
    '-t',
    taken.token!,
    '-p',
    rig.token.pinFile,
    '-c',
    'SelfSign',
  ]);
  await until(
    'it is told',
    () => parts.reconciler.latest()?.refusals.some((sentence) => sentence.includes("request 'somebodys'")) === true,
  );
  expect(await record(subsystem)).toBeUndefined();
  expect(await record('somebodys').then((lines) => lines?.get('CA'))).toBe('SelfSign');
  expect(parts.made.told.filter(({ kind, message }) => kind === 'trouble' && message.includes("request 'somebodys'"))).toHaveLength(1);
  await getcert(rig.bus, ['stop-tracking', '-i', 'somebodys']);
  await until('ours is back', async () => (await record(subsystem))?.get('status') === 'MONITORING');
  await until('that is told too', () =>
    parts.made.told.some(({ kind, message }) => kind === 'healed' && message.includes("request 'somebodys'")),
  );
});

test('nothing is looked at while the PIN is refused, and that is told', async () => {
  parts.prober.tell({
    at: new Date(),
    token: { state: 'present', pin: 'fine', login: { state: 'refused', code: 'PIN_INCORRECT', problem: 'The PIN is wrong.' }, keys: {} },
  });
  // What was under way before the PIN was refused is over: it would bring the request back unseen.
  await parts.reconciler.plan();
  await getcert(rig.bus, ['stop-tracking', '-i', subsystem]);
  await until('told', () => parts.reconciler.latest()?.refusals.includes('The PIN is wrong.') === true);
  expect(await record(subsystem)).toBeUndefined();
  await expect(parts.reconciler.reconcile()).rejects.toMatchObject({ code: 'PREFLIGHT_FAILED' });
  parts.prober.tell(wellProbe());
  await until('it is back', async () => (await record(subsystem))?.get('status') === 'MONITORING');
});

test('a changed instance file is not acted on before it is read anew; one that says report is not either', async () => {
  rig.configure(undefined, ['[agent]', 'reconcile = "report"']);
  // What was under way with the file before is over: it would bring the request back unseen.
  await parts.reconciler.plan();
  parts.reconciler.notice();
  await until(
    'told',
    () => parts.reconciler.latest()?.refusals.some((sentence) => sentence.includes('is another than the agent read')) === true,
  );
  await getcert(rig.bus, ['stop-tracking', '-i', subsystem]);
  await stop();
  parts = start();
  await until(
    'told that it would',
    () =>
      parts.reconciler
        .latest()
        ?.refusals.some((sentence) => sentence.includes(`does not track 'subsystemCert cert-pki-ca'. It would be set right`)) === true,
  );
  expect(await record(subsystem)).toBeUndefined();
  expect((await parts.reconciler.plan()).changes.map(({ kind }) => kind)).toEqual(['add']);
  await stop();
  rig.configure();
  parts = start();
  await until('it is back', async () => (await record(subsystem))?.get('status') === 'MONITORING');
});

test('what has to be replaced or removed is only told', async () => {
  const pair = (name: string) => {
    const [crt, key] = ['crt', 'key'].map((ending) => path.join(rig.directory, `${name}.${ending}`)) as [string, string];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-days', '300', '-out', crt, '-keyout', key],
      { stdio: 'ignore' },
    );
    return ['-f', crt, '-k', key];
  };
  await getcert(rig.bus, ['stop-tracking', '-i', subsystem]);
  await getcert(rig.bus, ['start-tracking', '-I', subsystem, ...pair('elsewhere'), '-c', 'testca']);
  await getcert(rig.bus, ['start-tracking', '-I', 'testca.gone', ...pair('gone'), '-c', 'testca']);
  // The round that is under way, the pause of at most 20 s until nothing changes, and another round.
  const told = (words: string) =>
    until(
      words,
      () => parts.reconciler.latest()?.refusals.some((sentence) => sentence.startsWith(words)) === true,
      60_000,
      () => [JSON.stringify(parts.reconciler.latest()), ...parts.made.lines],
    );
  await told("The request 'testca.gone' is of this instance");
  await told(`The request '${subsystem}' keeps key or certificate in another place`);
  expect(await record('testca.gone')).toBeDefined();
  expect(await record(subsystem).then((lines) => lines?.get('certificate'))).toContain('elsewhere.crt');
  await getcert(rig.bus, ['stop-tracking', '-i', subsystem]);
  await getcert(rig.bus, ['stop-tracking', '-i', 'testca.gone']);
  await until('ours is back', async () => (await record(subsystem))?.get('certificate')?.includes('softhsm_token') === true);
}, 180_000);

test('what the healer notices is put right once nothing has changed for a while, not while track apply or unsetup is at it', async () => {
  await stop();
  parts = start({ ...pace, quietMs: 8000 });
  await until('looked at', () => parts.reconciler.latest() !== undefined);
  await getcert(rig.bus, ['stop-tracking', '-i', subsystem]);
  await until('seen', () => parts.made.context.requestCache.requests()?.length === 3);
  parts.reconciler.notice();
  await sleep(3000);
  expect(await record(subsystem)).toBeUndefined();
  await until('it is back', async () => (await record(subsystem))?.get('status') === 'MONITORING');
});
