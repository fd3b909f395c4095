import { describe, expect, test } from 'vitest';
import type { Check } from '../../src/doctor/check.js';
import { certmongerKnownBugs } from '../../src/doctor/checks/certmonger/known-bugs.js';
import { certmongerRunning } from '../../src/doctor/checks/certmonger/running.js';
import { certmongerSettings } from '../../src/doctor/checks/certmonger/settings.js';
import { expiryKnown } from '../../src/doctor/checks/certmonger/expiry-known.js';
import { requestsMoving } from '../../src/doctor/checks/certmonger/requests-moving.js';
import { helperRegistered, keysTrackable, noForeignRequests } from '../../src/doctor/checks/tracking/refusals.js';
import { requestsPresent } from '../../src/doctor/checks/tracking/requests-present.js';
import { requestsRight } from '../../src/doctor/checks/tracking/requests-right.js';
import { trackingKnown } from '../../src/doctor/checks/tracking/tracking-known.js';
import type { CertmongerFacts, TrackingLook } from '../../src/doctor/facts/certmonger.js';
import type { Instance } from '../../src/config/instance.js';
import { requestIds } from '../../src/config/request-id.js';
import type { DesiredRequest } from '../../src/tracking/desired.js';
import { knownCa, makeRequest } from '../tracking/facts.js';
import { doctorInstance, unknownFacts } from './facts.js';

const instance: Instance = { ...doctorInstance, certificates: [{ nickname: 'ocsp', profile: 'caOCSPCert', storage: { kind: 'token' } }] };
const id = requestIds(instance).get('ocsp') ?? '';
const { now } = unknownFacts();
const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
const request = (properties: Readonly<Record<string, string | boolean | number>> = {}) =>
  makeRequest({ nickname: id, status: 'MONITORING', 'not-valid-after': seconds(now) + 1_000_000, ...properties }, 'testca');
const quiet: TrackingLook = { changes: [], refusals: [], warnings: [] };
const healthy: CertmongerFacts = {
  version: '0.79.17',
  replaced: false,
  confFile: '/etc/certmonger/certmonger.conf',
  settings: new Map(),
  requests: [request()],
  cas: [knownCa('testca', '/opt/hsmonger-submit')],
  tracking: { known: true, value: quiet },
};
const desired: DesiredRequest = {
  id,
  nickname: 'ocsp',
  place: { kind: 'token', database: 'sql:/etc/alias', nickname: 'ocsp', token: 'hsm' },
  pinFile: '/pin',
  nssUser: 'pkiuser',
  keyType: 'RSA',
  keySize: 2048,
  ca: 'testca',
  profile: 'caOCSPCert',
  preSaveCommand: 'pre',
  postSaveCommand: 'post',
};

const checks = [
  certmongerRunning,
  certmongerKnownBugs,
  certmongerSettings,
  expiryKnown,
  requestsMoving,
  helperRegistered,
  keysTrackable,
  noForeignRequests,
  requestsPresent,
  requestsRight,
  trackingKnown,
];
const all = (facts: Partial<CertmongerFacts>) =>
  checks.flatMap((check) => findings(check, facts).map((finding) => ({ check: check.name, ...finding })));
const findings = (check: Check, facts: Partial<CertmongerFacts>) =>
  check.run({ ...unknownFacts(instance), certmonger: { known: true, value: { ...healthy, ...facts } } });
const settings = (...pairs: readonly (readonly [string, string])[]) => ({ settings: new Map(pairs) });
const tracking = (look: Partial<TrackingLook>) => ({ tracking: { known: true, value: { ...quiet, ...look } } as const });
const refusal = (check: string, nickname = 'ocsp') =>
  tracking({ refusals: [{ check, nickname, problem: 'It is wrong.', fix: 'Mend it.' }] });

test('healthy facts give one success each', () => {
  expect(all({})).toHaveLength(checks.length);
  expect(all({}).filter(({ severity }) => severity !== 'success')).toEqual([]);
});

/** What is broken, and the one finding that says so: check, severity, and words of its sentence. */
const broken: readonly (readonly [string, Partial<CertmongerFacts>, string, string, RegExp])[] = [
  ['updated without a restart', { replaced: true }, 'CertmongerRunning', 'warning', /was updated and still runs/u],
  ['a version nobody tells', { version: undefined }, 'CertmongerKnownBugs', 'warning', /unknown/u],
  ['a version without nss-user', { version: '0.79.16' }, 'CertmongerKnownBugs', 'error', /0\.79\.16 does not know nss-user/u],
  [
    'a request that asks for a Netscape type',
    { requests: [request({ 'template-ns-certtype': 'server' })] },
    'CertmongerKnownBugs',
    'error',
    /Netscape type/u,
  ],
  [
    'ttl lists of two lengths',
    settings(['enroll_ttls', '28d,7d'], ['notify_ttls', '28d']),
    'CertmongerKnownBugs',
    'warning',
    /enroll_ttls and notify_ttls/u,
  ],
  [
    'one ttl list alone, of another length than the built-in one',
    settings(['enroll_ttls', '28d,7d']),
    'CertmongerKnownBugs',
    'warning',
    /enroll_ttls and notify_ttls/u,
  ],
  [
    "certmonger's own dogtag-submit at 0.79.21",
    {
      version: '0.79.21',
      cas: [knownCa('testca', '/x'), knownCa('pki', '/usr/libexec/certmonger/dogtag-submit -E http://x')],
      requests: [request(), makeRequest({ nickname: 'other', status: 'MONITORING' }, 'pki')],
    },
    'CertmongerKnownBugs',
    'warning',
    /pending/u,
  ],
  ['keys made anew by age', settings(['max_key_lifetime', '1y']), 'CertmongerSettings', 'critical', /max_key_lifetime = 1y/u],
  ['keys made anew by use', settings(['max_key_use_count', '3']), 'CertmongerSettings', 'critical', /max_key_use_count = 3/u],
  ['a weak digest', settings(['digest', 'SHA1']), 'CertmongerSettings', 'error', /digest = SHA1/u],
  ['renewals a day before the end', settings(['ttls', '1d,12h']), 'CertmongerSettings', 'warning', /first renews 1 days/u],
  ['moments nobody can read', settings(['ttls', '28d,soon']), 'CertmongerSettings', 'warning', /cannot read every item/u],
  ['an end nobody knows', { requests: [request({ 'not-valid-after': 0 })] }, 'ExpiryKnown', 'error', /does not know its end/u],
  [
    'a failed renewal at rest',
    { requests: [request({ 'ca-error': 'Server said no.' })] },
    'RequestsMoving',
    'error',
    /is MONITORING: Server said no/u,
  ],
  ['a week to wait', { requests: [request({ status: 'CA_UNREACHABLE' })] }, 'RequestsMoving', 'error', /after seven days/u],
  [
    'a PIN that was wrong',
    { requests: [request({ status: 'NEWLY_ADDED_NEED_KEYINFO_READ_PIN', stuck: true })] },
    'RequestsMoving',
    'error',
    /was refused or is missing/u,
  ],
  [
    'a token that was away',
    { requests: [request({ status: 'NEED_CSR_GEN_TOKEN', stuck: true })] },
    'RequestsMoving',
    'error',
    /does not find the token/u,
  ],
  ['a refusal', { requests: [request({ status: 'CA_REJECTED', stuck: true })] }, 'RequestsMoving', 'error', /The CA refused the request/u],
  ['a CA nobody knows', { requests: [request({ status: 'NEED_CA', stuck: true })] }, 'RequestsMoving', 'error', /does not know the CA/u],
  [
    'a circle certmonger never calls stuck',
    { requests: [request({ status: 'START_SAVING_CERT', 'submitted-date': seconds(now) - 3600 })] },
    'RequestsMoving',
    'error',
    /START_SAVING_CERT, takes seconds/u,
  ],
  [
    'a request that is missing',
    tracking({ changes: [{ kind: 'add', request: desired }] }),
    'RequestsPresent',
    'error',
    /does not track 'ocsp'/u,
  ],
  [
    'a request that is left over',
    tracking({ changes: [{ kind: 'remove', id: 'testca.old', nickname: 'old' }] }),
    'RequestsPresent',
    'warning',
    /still has the request 'testca\.old'/u,
  ],
  [
    'a request with another CA',
    tracking({ changes: [{ kind: 'modify', id, request: desired, differences: [{ field: 'CA', now: 'IPA', wanted: 'testca' }] }] }),
    'RequestsRight',
    'error',
    /CA is 'IPA' and should be 'testca'/u,
  ],
  [
    'a request in another place',
    tracking({
      changes: [{ kind: 'replace', id, request: desired, differences: [{ field: 'key token', now: undefined, wanted: 'hsm' }] }],
    }),
    'RequestsRight',
    'error',
    /key token is not set and should be 'hsm'/u,
  ],
  ['a helper that does not run', refusal('helper-runs'), 'HelperRegistered', 'error', /It is wrong/u],
  ['a CA that runs something else', refusal('ca-registered'), 'HelperRegistered', 'error', /It is wrong/u],
  ["somebody else's request", refusal('foreign-requests'), 'NoForeignRequests', 'error', /It is wrong/u],
  ['a key certmonger cannot be told of', refusal('key-kind'), 'KeysTrackable', 'error', /It is wrong/u],
  [
    'a comparison that could not be made',
    { tracking: { known: false, why: 'No token.' } },
    'TrackingCompared',
    'warning',
    /not known: No token\./u,
  ],
];

test.each(broken)('%s is found, and that alone', (_, facts, check, severity, sentence) => {
  const found = all(facts).filter((finding) => finding.severity !== 'success');
  expect(found).toEqual([
    expect.objectContaining({ check, severity, message: expect.stringMatching(sentence) as string, fix: expect.any(String) as string }),
  ]);
});

describe('what concerns more than one', () => {
  test('a request that waits to save holds the lock for all', () => {
    const found = all({ requests: [request({ status: 'NEED_CERTSAVE_PERMS', stuck: true })] }).filter(
      ({ severity }) => severity !== 'success',
    );
    expect(found.map(({ check, severity }) => [check, severity])).toEqual([
      ['CertmongerKnownBugs', 'critical'],
      ['RequestsMoving', 'error'],
    ]);
  });

  test('without certmonger there is one finding, not ten', () => {
    const found = checks.flatMap((check) =>
      check.run({ ...unknownFacts(instance), certmonger: { known: false, why: 'It does not run.' } }),
    );
    expect(found).toEqual([
      expect.objectContaining({
        severity: 'critical',
        message: 'certmonger cannot be asked, so nothing is known of its requests: It does not run.',
      }),
    ]);
  });

  test('--fix tries no PIN again, sets nothing going that could make a key, and asks again what was refused or waits for a week', () => {
    const remedies = (status: string, stuck: boolean) =>
      findings(requestsMoving, { requests: [request({ status, stuck })] }).map(({ remedy }) => remedy?.kind);
    for (const status of [
      'NEED_CSR_GEN_PIN',
      'NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN',
      'NEED_KEYINFO_READ_TOKEN',
      'NEED_KEY_GEN_TOKEN',
      'NEED_KEY_PAIR',
    ])
      expect([status, remedies(status, true)]).toEqual([status, [undefined]]);
    expect(remedies('CA_REJECTED', true)).toEqual(['resubmit']);
    expect(remedies('CA_UNREACHABLE', false)).toEqual(['resubmit']);
    expect(remedies('NEED_CA', true)).toEqual(['reconcile']);
  });

  test('--fix adds and corrects requests, and neither replaces, removes nor takes over one', () => {
    const offered = (...changes: TrackingLook['changes']) =>
      [requestsPresent, requestsRight]
        .flatMap((check) => findings(check, tracking({ changes })))
        .flatMap(({ remedy }) => remedy?.kind ?? []);
    const differing = (field: 'profile' | 'request id' | 'key token') => [{ field, now: 'x', wanted: 'y' }];
    expect(offered({ kind: 'add', request: desired })).toEqual(['reconcile']);
    expect(offered({ kind: 'modify', id, request: desired, differences: differing('profile') })).toEqual(['reconcile']);
    expect(
      offered(
        { kind: 'modify', id: '2020', request: desired, differences: [...differing('profile'), ...differing('request id')] },
        { kind: 'replace', id, request: desired, differences: differing('key token') },
        { kind: 'remove', id: 'testca.old', nickname: 'old' },
      ),
    ).toEqual([]);
  });

  test('lists of one length, and both built in, are fine; so are requests of others and enrolments under way', () => {
    const nine = '28d,7d,3d,2d,1d,12h,6h,2h,1h';
    expect(
      all({
        ...settings(['enroll_ttls', '28d,7d'], ['notify_ttls', '14d,1w']),
        requests: [
          request({ status: 'SUBMITTING', 'submitted-date': seconds(now) - 60 }),
          makeRequest({ nickname: 'theirs', status: 'CA_REJECTED', stuck: true }, 'IPA'),
        ],
      }).filter(({ severity }) => severity !== 'success'),
    ).toEqual([]);
    expect(all(settings(['enroll_ttls', nine])).filter(({ severity }) => severity !== 'success')).toEqual([]);
  });
});
