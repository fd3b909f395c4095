import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createCounting } from '../../../src/agent/report/counters.js';
import { createEvents, type AgentEvent } from '../../../src/agent/report/events.js';
import { startRenewalHistory } from '../../../src/agent/report/renewal-history.js';
import type { AgentConf } from '../../../src/config/agent-conf.js';
import { instanceOf } from '../instances/two-certificates.js';
import { handMadeCache, seen, start } from './hand-made-requests.js';

const conf: AgentConf = { access: {}, metrics: {}, page: {}, notify: { journal: true, expiringDays: 14 }, user: 'nobody' };

describe('the renewal history', () => {
  const begin = () => {
    const requestCache = handMadeCache();
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
