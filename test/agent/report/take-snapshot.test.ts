import { expect, test } from 'vitest';
import { takeSnapshot } from '../../../src/agent/report/take-snapshot.js';
import { decode, encode } from '../../../src/service/wire.js';
import { instanceOf } from '../instances/two-certificates.js';
import { handMadeCache, seen, start } from './hand-made-requests.js';

test('the snapshot shows what is known, leaves out what is not, and survives the wire', () => {
  const requestCache = handMadeCache();
  const instance = instanceOf('h');
  requestCache.show(seen('h.ocsp', 'NEED_GUIDANCE'));
  const source = {
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
    sources: [source],
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
