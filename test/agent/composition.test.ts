import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, test } from 'vitest';
import { trackingRequestOf } from '../../dbus/tracking-request.js';
import { Variant } from '../../dbus/wire.js';
import { createWaker } from '../../src/agent/timing/waker.js';
import { startRenewalHistory } from '../../src/agent/report/renewal-history.js';
import { createCounting } from '../../src/agent/report/counters.js';
import { createEvents, type AgentEvent } from '../../src/agent/report/events.js';
import type { RequestCache, RequestChange, CachedRequest } from '../../src/agent/requests/request-cache.js';
import { planReload } from '../../src/agent/instances/read-instances.js';
import { takeSnapshot } from '../../src/agent/report/take-snapshot.js';
import { createCoalescedRuns } from '../../src/agent/timing/coalesced-runs.js';
import type { AgentConf } from '../../src/config/agent-conf.js';
import type { Instance } from '../../src/config/instance.js';
import { parseInstance } from '../../src/config/schema.js';
import { HsmongerError } from '../../src/errors.js';
import { decode, encode } from '../../src/service/wire.js';

const instanceOf = (name: string, nickname = 'ocsp'): Instance =>
  parseInstance(name, `/etc/hsmonger/${name}.toml`, {
    user: 'pkiuser',
    token: { label: 'T', module: '/m.so', 'pin-file': '/pin' },
    nss: { database: '/alias' },
    issuer: { type: 'token', certificate: 'ca' },
    certificate: [
      { nickname: 'ca', profile: 'caCACert' },
      { nickname, profile: 'caOCSPCert' },
    ],
  });
const conf: AgentConf = { access: {}, metrics: {}, page: {}, notify: { journal: true, expiringDays: 14 }, user: 'nobody' };
const day = 86_400_000;
const start = Date.UTC(2027, 0, 1);

const seen = (id: string, status: string, { serial = '01', days = 100, sinceMs = 0 } = {}): CachedRequest => ({
  request: trackingRequestOf(
    '/1',
    Object.fromEntries(
      Object.entries({
        nickname: new Variant('s', id),
        status: new Variant('s', status),
        serial: new Variant('s', serial),
        subject: new Variant('s', 'CN=x'),
        'not-valid-before': new Variant('x', BigInt(start / 1000)),
        'not-valid-after': new Variant('x', BigInt((start + days * day) / 1000)),
      }),
    ),
    'h',
  ),
  sinceMs,
  trail: [{ status, atMs: sinceMs }],
});

/** A request cache that shows what it is given. */
function handMade(): RequestCache & { show(cached: CachedRequest): void } {
  const shown = new Map<string, CachedRequest>();
  const listeners = new Set<(change: RequestChange) => void>();
  return {
    requests: () => [...shown.values()],
    request: (id) => shown.get(id),
    trouble: () => undefined,
    refresh: () => Promise.resolve(),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    show(now) {
      shown.set(now.request.nickname, now);
      for (const listener of listeners) listener({ kind: 'request', id: now.request.nickname, now });
    },
  };
}

describe('the renewal history', () => {
  const begin = () => {
    const requestCache = handMade();
    const events = createEvents();
    const told: AgentEvent[] = [];
    events.on((event) => told.push(event));
    const end = new AbortController();
    let now = start;
    const renewalHistory = startRenewalHistory({
      instance: instanceOf('h'),
      conf,
      requestCache,
      events,
      clock: () => new Date(now),
      signal: end.signal,
    });
    return {
      requestCache,
      events,
      told,
      renewalHistory,
      end,
      later: (ms: number) => {
        now += ms;
      },
    };
  };

  it('tells a renewal once certmonger is at rest with the new certificate, and how long it took', async () => {
    const { requestCache, told, renewalHistory, end, events } = begin();
    const counting = createCounting(events);
    requestCache.show(seen('h.ocsp', 'MONITORING'));
    requestCache.show(seen('h.ocsp', 'SUBMITTING', { sinceMs: 1000 }));
    requestCache.show(seen('h.ocsp', 'READING_CERT', { sinceMs: 3000, serial: '02', days: 200 }));
    await sleep(0);
    expect(told).toEqual([]);
    requestCache.show(seen('h.ocsp', 'MONITORING', { sinceMs: 5000, serial: '02', days: 200 }));
    requestCache.show(seen('h.ocsp', 'MONITORING', { sinceMs: 5000, serial: '02', days: 200 }));
    await sleep(0);
    expect(told).toMatchObject([{ kind: 'renewed', nickname: 'ocsp', details: { serial: '02', seconds: '4.0' } }]);
    expect(renewalHistory.past('ocsp')).toMatchObject({ history: [{ serial: '01' }], lastRenewal: { seconds: 4 } });
    expect(counting.counters(new Map([['h', 3]]))).toMatchObject({
      renewals: [{ instance: 'h', nickname: 'ocsp', count: 1 }],
      signatures: [{ instance: 'h', count: 3 }],
    });
    end.abort();
    await renewalHistory.ended;
  });

  it('tells a certificate that nears its end once, and not while a newer one is under way', async () => {
    const { requestCache, told, renewalHistory, end } = begin();
    requestCache.show(seen('h.ocsp', 'SUBMITTING', { days: 10 }));
    await sleep(0);
    expect(told).toEqual([]);
    requestCache.show(seen('h.ocsp', 'CA_UNREACHABLE', { days: 10 }));
    requestCache.show(seen('h.ocsp', 'MONITORING', { days: 10 }));
    await sleep(0);
    expect(told.map(({ kind, message }) => `${kind} ${message}`)).toEqual([
      "expiring 'ocsp' expires in 10 days, and no newer certificate is under way.",
    ]);
    end.abort();
    await renewalHistory.ended;
  });
});

test('a reload restarts what changed, starts what is new, stops what is gone, and leaves alone what is broken', () => {
  const cared = new Map(
    [instanceOf('same'), instanceOf('changed'), instanceOf('gone'), instanceOf('broken')].map((one) => [one.name, one]),
  );
  const good = new Map([instanceOf('same'), instanceOf('changed', 'audit'), instanceOf('new')].map((one) => [one.name, one]));
  const broken = new Map(['broken', 'broken2'].map((name) => [name, new HsmongerError('CONFIG_INVALID', 'It is broken.')]));
  const plan = planReload(cared, { good, broken }, { config: '/etc/hsmonger', state: '/s' });
  expect([...plan.stop].sort()).toEqual(['changed', 'gone']);
  expect(plan.start.map(({ name }) => name)).toEqual(['changed', 'new']);
  expect(plan.complaints).toEqual([
    'It is broken. Until it is mended and the agent reloaded, /etc/hsmonger/broken.toml counts as it was.',
    "It is broken. Until it is mended and the agent reloaded, nobody looks after 'broken2'.",
  ]);
});

test('what is asked for while it is done is done once more, never twice at a time', async () => {
  let running = 0;
  let done = 0;
  const turns = createCoalescedRuns(async () => {
    running += 1;
    expect(running).toBe(1);
    await sleep(5);
    running -= 1;
    done += 1;
  });
  const first = turns.run();
  await sleep(1);
  await Promise.all([first, turns.run(), turns.run(), turns.run()]);
  expect(done).toBe(2);
  await turns.idle();
});

test('a pause ends by itself, when woken, when woken before it, and by the end', async () => {
  const end = new AbortController();
  const waker = createWaker(end.signal);
  await waker.sleep(1);
  const pause = waker.sleep(1e12);
  waker.wake();
  await pause;
  await waker.sleep(1e12);
  waker.reset();
  const last = waker.sleep(1e12);
  end.abort();
  await last;
  waker.reset();
  await waker.sleep(1e12);
});

test('the snapshot shows what is known, leaves out what is not, and survives the wire', () => {
  const requestCache = handMade();
  const instance = instanceOf('h');
  requestCache.show(seen('h.ocsp', 'NEED_GUIDANCE'));
  const cared = {
    instance,
    context: {
      prober: {
        latest: () =>
          ({
            at: new Date(start),
            token: {
              state: 'present',
              pin: 'fine',
              login: { state: 'proven', source: 's' },
              keys: { ocsp: { ok: true, latencyMs: 7 }, ca: { ok: false, code: 'X', problem: 'Gone.' } },
            },
          }) as const,
        signatures: () => 5,
      },
    },
    healer: {
      diagnoses: () =>
        new Map([
          [
            'ocsp',
            {
              cause: 'helper-killed',
              severity: 'error',
              sentence: 'It was killed.',
              cure: { by: 'resubmit', advice: 'Wait.', alone: true },
            } as const,
          ],
        ]),
      instance: () => [],
    },
    reconciler: { latest: () => undefined },
    renewer: {
      calendar: () => [
        {
          instance: 'h',
          nickname: 'ocsp',
          profile: 'caOCSPCert',
          by: 'agent',
          notBefore: new Date(start),
          notAfter: new Date(start),
          from: new Date(start),
          to: new Date(start),
          planned: new Date(start),
          later: [],
          notes: [],
        } as const,
      ],
    },
    renewalHistory: { past: () => ({ history: [] }) },
  };
  const snapshot = takeSnapshot({
    requestCache,
    cared: [cared],
    at: new Date(start),
    startedAt: new Date(start),
    version: '1',
    events: [],
    counters: { renewals: [], failures: [], heals: [], signatures: [] },
  });
  expect(snapshot).toMatchObject({
    certmonger: { running: true },
    instances: [
      {
        name: 'h',
        token: { label: 'T', reachable: true, login: 'proven', signLatencyMs: 7, signatures: 5 },
        certificates: [
          { nickname: 'ca', state: 'not tracked' },
          {
            nickname: 'ocsp',
            where: 'T',
            request: 'h.ocsp',
            state: 'NEED_GUIDANCE',
            subject: 'CN=x',
            diagnosis: { cause: 'helper-killed' },
            renewal: {},
          },
        ],
      },
    ],
    requests: [{ nickname: 'h.ocsp', status: 'NEED_GUIDANCE', stuck: false }],
  });
  expect(snapshot.requests[0]).not.toHaveProperty('caError');
  expect(decode(encode(snapshot))).toEqual(snapshot);
});
