import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, test } from 'vitest';
import { createRequestCache, type LiveRequestCache, type RefreshPace } from '../../../src/agent/requests/create-request-cache.js';
import type { RequestCache, RequestChange } from '../../../src/agent/requests/request-cache.js';
import { createPollSchedule } from '../../../src/agent/requests/poll-schedule.js';
import { createCachedRequests } from '../../../src/agent/requests/cached-requests.js';
import { fakeCertmonger, type FakeCertmonger } from './fake-certmonger.js';
import { trackingRequestOf } from '../../../dbus/tracking-request.js';
import { Variant } from '../../../dbus/wire.js';

/** Every pause of the real one, a thousand times shorter. */
const quick: RefreshPace = {
  listMs: 60,
  tickMs: 10,
  restlessMs: 9,
  allMs: 200,
  restlessAtOnce: 64,
  atOnce: 64,
  settleMs: 1,
  retry: { firstMs: 2, mostMs: 20 },
};
/** Nothing is read again unless heard. */
const deaf: RefreshPace = { ...quick, listMs: 1e9, tickMs: 1e9, allMs: 1e9, retry: { firstMs: 1e9, mostMs: 1e9 } };
const patienceMs = 20_000;

let end = new AbortController();
afterEach(() => {
  end.abort();
});

function over(
  certmonger: FakeCertmonger,
  pace: RefreshPace,
): { requestCache: LiveRequestCache; lines: string[]; stop: () => Promise<void> } {
  end = new AbortController();
  const mine = end;
  const lines: string[] = [];
  const requestCache = createRequestCache({
    certmonger: certmonger.link,
    log: (_priority, line) => lines.push(line),
    signal: mine.signal,
    pace,
  });
  certmonger.hear((change) => {
    requestCache.heard(change);
  });
  return {
    requestCache,
    lines,
    stop: async () => {
      mine.abort();
      await requestCache.ended;
    },
  };
}

const shown = (requestCache: RequestCache) =>
  Object.fromEntries((requestCache.requests() ?? []).map(({ request }) => [request.nickname, request.status] as const).sort());
async function until(what: string, holds: () => boolean, detail: () => unknown = () => ''): Promise<void> {
  for (const last = Date.now() + patienceMs; !holds(); await sleep(2))
    if (Date.now() > last) throw new Error(`Not ${what}: ${JSON.stringify(detail())}`);
}

const ids = ['a', 'b', 'c', 'd'] as const;
const statuses = ['MONITORING', 'SUBMITTING', 'NEED_GUIDANCE', 'CA_UNREACHABLE'] as const;
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      id: fc.constantFrom(...ids),
      status: fc.constantFrom(...statuses),
      told: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const), id: fc.constantFrom(...ids) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), id: fc.constantFrom(...ids) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('rename' as const),
      id: fc.constantFrom(...ids),
      to: fc.constantFrom(...ids),
      told: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const), told: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('start' as const), told: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 12 }) }) },
);

test('whatever is lost, late or restarted amid a reading: the cache ends equal, and so does what its listeners were told', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 7, maxLength: 7 }),
      async (steps, delays) => {
        let turn = 0;
        const certmonger = fakeCertmonger(() => delays[turn++ % delays.length]!);
        certmonger.add('a');
        certmonger.start(false);
        const { requestCache, stop } = over(certmonger, quick);
        const told = new Map<string, string>();
        const order: string[] = [];
        requestCache.onChange((change) => {
          if (change.kind === 'certmonger') {
            order.push(String(change.running));
            return;
          }
          expect(change.before?.request.status).toBe(told.get(change.id));
          if (change.now === undefined) told.delete(change.id);
          else told.set(change.id, change.now.request.status);
        });
        for (const each of steps) {
          switch (each.do) {
            case 'change':
              certmonger.change(each.id, each.status, each.told);
              break;
            case 'add':
              certmonger.add(each.id);
              break;
            case 'remove':
              certmonger.remove(each.id);
              break;
            case 'rename':
              certmonger.rename(each.id, each.to, each.told);
              break;
            case 'stop':
              certmonger.stop(each.told);
              break;
            case 'start':
              certmonger.start(each.told);
              break;
            case 'wait':
              await sleep(each.ms);
          }
        }
        certmonger.start(false);
        const wanted = certmonger.statuses();
        const equal = () => requestCache.requests() !== undefined && JSON.stringify(shown(requestCache)) === JSON.stringify(wanted);
        await until('equal', equal, () => [shown(requestCache), wanted, requestCache.trouble()]);
        // Late signals, and the poll schedule: it stays so.
        await sleep(10);
        await until('equal still', equal, () => [shown(requestCache), wanted]);
        await until(
          'told',
          () => JSON.stringify([...told].sort()) === JSON.stringify(Object.entries(wanted)),
          () => [[...told], wanted],
        );
        expect(order.filter((word, index) => word === order[index + 1])).toEqual([]);
        expect(certmonger.collisions).toBe(0);
        await stop();
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);

describe('the request cache', () => {
  it('is none until all are read, then the same array until something changes', async () => {
    const certmonger = fakeCertmonger(() => 1);
    const { requestCache, stop } = over(certmonger, quick);
    expect(requestCache.requests()).toBeUndefined();
    expect(requestCache.trouble()).toContain('not asked');
    await until('in trouble', () => requestCache.trouble() === 'certmonger does not run.');
    certmonger.add('a');
    certmonger.start(true);
    await until('read', () => requestCache.requests() !== undefined);
    expect(requestCache.trouble()).toBeUndefined();
    const before = requestCache.requests();
    await sleep(60);
    expect(requestCache.requests()).toBe(before);
    certmonger.change('a', 'SUBMITTING', true);
    await until('changed', () => requestCache.request('a')?.request.status === 'SUBMITTING');
    expect(requestCache.request('a')?.trail.map(({ status }) => status)).toEqual(['MONITORING', 'SUBMITTING']);
    expect(requestCache.requests()).not.toBe(before);
    await stop();
  });

  it('reads a swarm of signals for one request once or twice, not a hundred times; nothing else is read for it', async () => {
    const certmonger = fakeCertmonger(() => 1);
    for (const id of ids) certmonger.add(id);
    certmonger.start(false);
    const { requestCache, stop } = over(certmonger, { ...deaf, settleMs: 50 });
    await until('read', () => requestCache.requests() !== undefined);
    const before = certmonger.reads;
    for (let count = 0; count < 100; count++) certmonger.change('a', count % 2 === 0 ? 'SUBMITTING' : 'SAVING_CERT', true);
    await until('changed', () => requestCache.request('a')?.request.status === 'SAVING_CERT');
    await sleep(120);
    expect(certmonger.reads - before).toBeLessThan(5);
    await stop();
  });

  it('is read when it is asked to: one, an unknown one, and all', async () => {
    const certmonger = fakeCertmonger(() => 1);
    certmonger.add('a');
    certmonger.start(false);
    const { requestCache, stop } = over(certmonger, deaf);
    await until('read', () => requestCache.requests() !== undefined);
    certmonger.change('a', 'CA_WORKING', false);
    await requestCache.refresh('a');
    expect(shown(requestCache)).toEqual({ a: 'CA_WORKING' });
    certmonger.add('b');
    await requestCache.refresh('b');
    expect(shown(requestCache)).toEqual({ a: 'CA_WORKING', b: 'MONITORING' });
    certmonger.remove('a');
    certmonger.change('b', 'CA_WORKING', false);
    await requestCache.refresh();
    expect(shown(requestCache)).toEqual({ b: 'CA_WORKING' });
    certmonger.stop(false);
    await requestCache.refresh();
    expect(requestCache.requests()).toBeUndefined();
    await stop();
    await requestCache.refresh();
  });

  it('says what is wrong once, and once that it is over', async () => {
    const certmonger = fakeCertmonger(() => 0);
    const { requestCache, lines, stop } = over(certmonger, quick);
    await sleep(100);
    certmonger.start(false);
    await until('read', () => requestCache.requests() !== undefined);
    expect(lines).toEqual(['certmonger does not run.', 'certmonger answers again; it has 0 requests.']);
    await stop();
  });
});

test('the poll schedule: each has its turn within its time, what does not rest sooner, and thousands of those not all at once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 0, max: 100 }),
      fc.integer({ min: 1, max: 30 }),
      (count, restless, jitter) => {
        const schedule = createPollSchedule({ restlessMs: 9, allMs: 540, restlessAtOnce: 20, atOnce: 16 }, 0);
        const read = new Map<string, number>();
        for (let index = 0; index < count; index++) {
          schedule.read(String(index), index >= restless, 0);
          read.set(String(index), 0);
        }
        let at = 0;
        for (let tick = 0; at < 2000; tick++) {
          at += 10 + (tick % jitter);
          const due = schedule.due(at);
          expect(due.length).toBeLessThanOrEqual(20 + Math.ceil((count * (10 + jitter)) / 540));
          for (const path of due) {
            schedule.read(path, Number(path) >= restless, at);
            read.set(path, at);
          }
          expect(at - Math.min(...read.values())).toBeLessThanOrEqual(540 + 4 * (10 + jitter));
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('a trail keeps the last 32 states, and a restart that changes paths alone is no change', () => {
  let now = 0;
  const cachedRequests = createCachedRequests(() => now++);
  const request = (path: string, status: string) =>
    trackingRequestOf(path, { nickname: new Variant('s', 'a'), status: new Variant('s', status) }, undefined);
  const changes: (RequestChange | undefined)[] = [];
  for (let count = 0; count < 100; count++) changes.push(cachedRequests.put(request('/1', String(count))));
  expect(changes).not.toContain(undefined);
  expect(cachedRequests.get('a')?.trail).toHaveLength(32);
  expect(cachedRequests.get('a')?.trail.at(-1)).toEqual({ status: '99', atMs: 99 });
  expect(cachedRequests.put(request('/2', '99'))).toBeUndefined();
  expect(cachedRequests.get('a')?.request.path).toBe('/2');
  expect(cachedRequests.get('a')?.sinceMs).toBe(99);
});
