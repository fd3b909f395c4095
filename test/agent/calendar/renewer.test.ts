import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { Certmonger } from '../../../dbus/certmonger.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { Mastership } from '../../../src/agent/calendar/mastership.js';
import { startRenewer, type Renewer, type RenewerPace } from '../../../src/agent/calendar/renewer.js';
import { parseInstance } from '../../../src/config/schema.js';
import { fakeCertmonger, type FakeCertmonger } from './fake-certmonger.js';
import { handMadeCare, toldProber, until, wellProbe, type HandMadeCare } from '../instances/hand-made-context.js';

const day = 86_400_000;
const begin = new Date('2026-11-20T10:00:00Z');
const inDays = (days: number) => new Date(begin.getTime() + days * day);
const names = ['ca', 'ocsp', 'audit', 'subsystem'];
const fast: RenewerPace = { lookMs: 20, patienceMs: 1500, followMs: 20, retry: { firstMs: 100_000, mostMs: 100_000 } };

interface Running {
  readonly fake: FakeCertmonger;
  readonly made: HandMadeCare;
  readonly prober: ReturnType<typeof toldProber>;
  readonly renewer: Renewer;
  setClock(at: Date): void;
}

let running: Running | undefined;

afterEach(async () => {
  running?.made.end();
  await running?.renewer.ended;
  running = undefined;
});

function instanceOf(extra: Record<string, unknown> = {}) {
  return parseInstance('hsmonger', '/etc/hsmonger/hsmonger.toml', {
    token: { label: 'hsm', module: '/module.so', 'pin-file': '/pin' },
    nss: { database: '/db' },
    issuer: { type: 'token', certificate: 'ca' },
    certificate: names.map((nickname) => ({ nickname, profile: nickname === 'ca' ? 'caCACert' : 'caSubsystemCert' })),
    ...extra,
  });
}

/** All end in 60 days: the window is from the 25th to the 32nd day. */
async function start({
  instance = instanceOf(),
  probe = wellProbe(),
  pace = fast,
  mastership,
}: {
  instance?: ReturnType<typeof instanceOf>;
  probe?: ReturnType<typeof wellProbe>;
  pace?: RenewerPace;
  mastership?: Mastership;
} = {}): Promise<Running> {
  let now = begin;
  const fake = await fakeCertmonger({
    instance: 'hsmonger',
    database: '/db',
    token: 'hsm',
    names,
    notBefore: inDays(-660),
    notAfter: inDays(60),
    clock: () => now,
  });
  const prober = toldProber(probe);
  const made = handMadeCare({
    instance,
    directories: { config: '/etc/hsmonger', state: '/var/lib/hsmonger' },
    certmonger: { use: (work) => work(fake.client as Certmonger), close: () => undefined },
    prober,
    clock: () => now,
    list: () => Promise.resolve(fake.requests()),
    everyMs: 10,
  });
  const renewer = mastership === undefined ? startRenewer(made.context, pace) : startRenewer(made.context, pace, mastership);
  running = {
    fake,
    made,
    prober,
    renewer,
    setClock: (at) => {
      now = at;
    },
  };
  await until('the calendar is there', () => renewer.calendar().length === 4);
  return running;
}

const order = ({ fake }: Running) => fake.resubmitted().map((id) => id.replace('hsmonger.', ''));

test('nothing before its time, then each at its own, the CA first', async () => {
  const run = await start();
  await sleep(150);
  expect(order(run)).toEqual([]);
  const planned = [...run.renewer.calendar()].sort((one, other) => one.planned.getTime() - other.planned.getTime());
  expect(planned[0]!.nickname).toBe('ca');
  for (const [index, entry] of planned.entries()) {
    run.setClock(new Date(entry.planned.getTime() - 1000));
    await sleep(100);
    expect(order(run)).toHaveLength(index);
    run.setClock(entry.planned);
    await until(`${entry.nickname} is renewed`, () => run.fake.renewed().includes(`hsmonger.${entry.nickname}`));
  }
  expect(order(run)).toEqual(planned.map(({ nickname }) => nickname));
});

test('moments that were missed are made up for, one after the other', async () => {
  const run = await start();
  run.setClock(inDays(50));
  await until('all are renewed', () => run.fake.renewed().length === 4);
  expect(order(run)[0]).toBe('ca');
  expect(run.fake.atOnce()).toBe(1);
  await sleep(150);
  expect(order(run)).toHaveLength(4);
});

test('a clock that jumps forward and back again renews nothing twice', async () => {
  const run = await start();
  run.setClock(inDays(50));
  await until('the CA is renewed', () => run.fake.renewed().length >= 1);
  run.setClock(begin);
  await sleep(200);
  run.setClock(inDays(50));
  await until('all are renewed', () => run.fake.renewed().length === 4);
  expect(order(run)).toHaveLength(4);
});

test.each([
  ['away', { ...wellProbe(), token: { state: 'away' as const, code: 'TOKEN_NOT_FOUND', problem: 'There is no token.' } }],
  [
    'with a refused PIN',
    {
      ...wellProbe(),
      token: {
        state: 'present' as const,
        pin: 'fine' as const,
        keys: {},
        login: { state: 'refused' as const, code: 'PIN_INCORRECT', problem: 'The PIN is wrong.' },
      },
    },
  ],
])('a token that is %s is waited for', async (_what, probe) => {
  const run = await start({ probe });
  run.setClock(inDays(31));
  await until('it says what it waits for', () => run.made.lines.some((line) => line.includes("The planned renewal of 'ca' waits: ")));
  expect(order(run)).toEqual([]);
  run.prober.tell(wellProbe());
  await until('the CA is renewed', () => run.fake.renewed().includes('hsmonger.ca'));
});

test('a key that does not sign holds up its own certificate alone', async () => {
  const run = await start({
    probe: {
      ...wellProbe(),
      token: {
        state: 'present',
        pin: 'fine',
        login: { state: 'proven', source: 'file' },
        keys: { audit: { ok: false, code: 'KEY_UNUSABLE', problem: 'It does not sign.' } },
      },
    },
  });
  run.setClock(inDays(50));
  await until('the others are renewed', () => run.fake.renewed().length === 3);
  await sleep(100);
  expect(order(run)).not.toContain('audit');
  expect(run.made.lines).toContain("warning: The planned renewal of 'audit' waits: It does not sign.");
});

test('one that is refused is not asked for again at once, and those that wait for it are left to certmonger', async () => {
  const run = await start();
  run.fake.refuse('hsmonger.ca');
  run.setClock(inDays(31.99));
  await until('it says so', () => run.made.lines.some((line) => line.includes("'ca' was not renewed; it is tried again later")));
  await sleep(200);
  expect(order(run)).toEqual(['ca']);
});

test('one that does not end is waited for only so long, and nothing else begins meanwhile', async () => {
  const run = await start({ pace: { ...fast, patienceMs: 5000 } });
  run.fake.hang('hsmonger.ca');
  run.setClock(inDays(50));
  await sleep(500);
  expect(order(run)).toEqual(['ca']);
  await until('it says so', () => run.made.lines.some((line) => line.includes("'ca' was not renewed within")));
});

test('a renewal somebody else began is waited for', async () => {
  const run = await start({ pace: { ...fast, patienceMs: 60_000 } });
  run.fake.hang('hsmonger.audit');
  await run.fake.client.request!('hsmonger.audit').resubmit();
  await until('it is seen', () => run.made.context.requestCache.request('hsmonger.audit')?.request.status === 'SUBMITTING');
  run.setClock(inDays(50));
  await sleep(300);
  expect(order(run)).toEqual(['audit']);
  run.fake.finish('hsmonger.audit');
  await until('the CA is renewed', () => run.fake.renewed().includes('hsmonger.ca'));
});

test.each([
  [
    'a replica',
    {
      issuer: { type: 'directory', certificate: 'ca' },
      directory: { uri: 'ldapi://%2Fsocket', bind: 'external', base: 'dc=x', host: 'here' },
    },
    'renewal master',
  ],
  ['a CA outside', { issuer: { type: 'external', certificate: 'ca' } }, 'person'],
  ['spread-days = 0', { agent: { 'spread-days': 0 } }, 'certmonger'],
])('%s: nothing is begun', async (_what, extra, by) => {
  const run = await start({ instance: instanceOf(extra) });
  run.setClock(inDays(50));
  await sleep(200);
  expect(order(run)).toEqual([]);
  expect(run.renewer.calendar()[1]).toMatchObject({ by });
});

test('a server that is not the renewal master begins nothing of what all servers share', async () => {
  let known: boolean | undefined;
  let asked = 0;
  const mastership: Mastership = {
    known: () => known,
    ask: () => {
      asked += 1;
      known = false;
      return Promise.resolve(false);
    },
  };
  const shared = ['caSigningCert cert-pki-ca', 'ocspSigningCert cert-pki-ca'];
  const instance = instanceOf({
    issuer: { type: 'token', certificate: shared[0] },
    directory: { uri: 'ldapi://%2Fsocket', bind: 'external', base: 'dc=x', host: 'here' },
    certificate: [
      ...names.map((nickname) => ({ nickname, profile: 'caSubsystemCert' })),
      ...shared.map((nickname) => ({ nickname, profile: nickname === shared[0] ? 'caCACert' : 'caOCSPCert' })),
    ],
  });
  const run = await start({ instance, mastership });
  run.fake.add([shared[0]!], inDays(3000));
  run.fake.add([shared[1]!], inDays(60));
  await until('all are in the calendar', () => run.renewer.calendar().length === 6);
  run.setClock(inDays(50));
  await until('what is its own is renewed', () => run.fake.renewed().length === 4);
  expect(asked).toBeGreaterThan(0);
  await sleep(100);
  expect(order(run).filter((id) => id.includes('cert-pki-ca'))).toEqual([]);
  expect(run.renewer.calendar().find(({ nickname }) => nickname === shared[1])).toMatchObject({ by: 'renewal master' });
});

test('renew asks at once, and only with the key there is', async () => {
  const run = await start();
  expect(await run.renewer.renew('ocsp')).toBe("certmonger was asked for a new certificate for 'ocsp' (request hsmonger.ocsp).");
  expect(order(run)).toEqual(['ocsp']);
  await expect(run.renewer.renew('nobody')).rejects.toMatchObject({ code: 'USAGE' });
  run.fake.change('audit', (request): TrackingRequest => ({ ...request, key: { ...request.key, size: 4096 } }));
  await expect(run.renewer.renew('audit')).rejects.toMatchObject({ code: 'KEY_MISMATCH' });
  expect(order(run)).toEqual(['ocsp']);
});

test('a server that becomes the renewal master takes over what is due', async () => {
  const [authority, shared] = ['caSigningCert cert-pki-ca', 'ocspSigningCert cert-pki-ca'] as const;
  const instance = instanceOf({
    issuer: { type: 'token', certificate: authority },
    directory: { uri: 'ldapi://%2Fsocket', bind: 'external', base: 'dc=x', host: 'here' },
    certificate: [
      ...names.map((nickname) => ({ nickname, profile: 'caSubsystemCert' })),
      { nickname: authority, profile: 'caCACert' },
      { nickname: shared, profile: 'caOCSPCert' },
    ],
  });
  let master = false;
  let known: boolean | undefined;
  const mastership: Mastership = {
    known: () => known,
    ask: () => {
      known = master;
      return Promise.resolve(master);
    },
  };
  const run = await start({ instance, mastership });
  run.fake.add([authority], inDays(3000));
  run.fake.add([shared], inDays(60));
  run.setClock(inDays(50));
  await until('what is its own is renewed', () => run.fake.renewed().length === 4);
  await sleep(100);
  expect(order(run)).not.toContain('ocspSigningCert_cert-pki-ca');
  master = true;
  await until('the shared one is renewed too', () => order(run).some((id) => id.startsWith('ocspSigningCert')));
});
