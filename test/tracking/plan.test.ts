import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DesiredRequest } from '../../src/tracking/desired.js';
import { planTracking, type Change } from '../../src/tracking/plan.js';
import { makeRequest } from './facts.js';

const desired: DesiredRequest = {
  id: 'testca.one',
  nickname: 'one',
  place: { kind: 'token', database: 'sql:/etc/alias', nickname: 'one', token: 'tok' },
  pinFile: '/etc/pin',
  nssUser: 'pkiuser',
  keyType: 'RSA',
  keySize: 3072,
  ca: 'testca',
  profile: 'caOCSPCert',
  preSaveCommand: '/x/pre',
  postSaveCommand: '/x/post',
};
const properties = {
  nickname: 'testca.one',
  'key-storage': 'NSSDB',
  'key-database': 'sql:/etc/alias',
  'key-nickname': 'one',
  'key-token': 'tok',
  'cert-storage': 'NSSDB',
  'cert-database': 'sql:/etc/alias',
  'cert-nickname': 'one',
  'cert-token': 'tok',
  'key-pin-file': '/etc/pin',
  'nss-user': 'pkiuser',
  'template-profile': 'caOCSPCert',
  'cert-presave-command': '/x/pre',
  'cert-postsave-command': '/x/post',
  monitoring: true,
  autorenew: true,
};
const certificates = [{ nickname: 'one', profile: 'caOCSPCert', storage: { kind: 'token' } }] as const;
const instance = { name: 'testca', nss: { database: '/etc/alias' }, certificates };
const planned = (change: Readonly<Record<string, string | boolean>>, ca = 'testca') =>
  planTracking({ instance, ids: ['testca.one'], desired: [desired], existing: [makeRequest({ ...properties, ...change }, ca)] });

test('what certmonger lacks is added, what is right is left alone', () => {
  expect(planTracking({ instance, ids: ['testca.one'], desired: [desired], existing: [] })).toEqual([{ kind: 'add', request: desired }]);
  expect(planned({})).toEqual([]);
});

test.each([
  ['key-pin-file', '/old', 'PIN file'],
  ['nss-user', '', 'nss-user'],
  ['template-profile', 'caCACert', 'profile'],
  ['cert-presave-command', '', 'pre-save command'],
  ['cert-postsave-command', '/x/post --more', 'post-save command'],
  ['monitoring', false, 'track'],
  ['autorenew', false, 'auto-renew'],
  ['template-ns-certtype', 'server', 'Netscape certificate type'],
])('another %s is modified alone', (property, value, field) => {
  expect(planned({ [property]: value })).toMatchObject([{ kind: 'modify', request: desired, differences: [{ field }] }]);
});

test('another CA is modified', () => {
  expect(planned({}, 'SelfSign')).toMatchObject([{ kind: 'modify', differences: [{ field: 'CA', now: 'SelfSign', wanted: 'testca' }] }]);
});

test.each([
  ['/etc/alias', '/etc/alias/'],
  ['sql:/etc/alias/', '/etc//alias'],
])('a database spelled %s and %s is the one it is', (key, certificate) => {
  expect(planned({ 'key-database': key, 'cert-database': certificate })).toEqual([]);
});

test('a PIN certmonger keeps in clear is forgotten in place, and is in no plan', () => {
  const changes = planned({ 'key-pin': '1234', 'key-pin-file': '' });
  expect(changes).toMatchObject([{ kind: 'modify', differences: [{ field: 'PIN', wanted: undefined }, { field: 'PIN file' }] }]);
  expect(JSON.stringify(changes)).not.toContain('1234');
});

test.each([
  ['key-token', ''],
  ['cert-token', 'other'],
  ['cert-database', '/elsewhere'],
  ['cert-database', 'dbm:/etc/alias'],
  ['key-nickname', 'two'],
  ['key-storage', 'FILE'],
])('another %s cannot be modified, the request is replaced', (property, value) => {
  expect(planned({ [property]: value })).toMatchObject([{ kind: 'replace', id: 'testca.one', request: desired }]);
});

test('only requests of our CA under our prefix that no certificate claims are removed, and a key that cannot be proven today keeps its request', () => {
  const existing = [
    makeRequest({ ...properties, nickname: 'testca.gone' }, 'testca'),
    makeRequest({ ...properties, nickname: 'testca.unproven' }, 'testca'),
    makeRequest({ ...properties, nickname: 'testca.b.one' }, 'testca.b'),
    makeRequest({ ...properties, nickname: '2026' }, 'testca'),
  ];
  expect(planTracking({ instance, ids: ['testca.unproven'], desired: [], existing })).toEqual([
    { kind: 'remove', id: 'testca.gone', nickname: 'one' },
  ]);
});

describe('a request for the same certificate under another id', () => {
  test.each(['testca', 'testca-reuse', 'testca-selfsigned'])('that goes to CA %s is renamed', (ca) => {
    const changes = planned({ nickname: '20260101', 'key-database': '/etc/alias', 'cert-database': '/etc/alias' }, ca);
    expect(changes).toMatchObject([
      {
        kind: 'modify',
        id: '20260101',
        request: desired,
        differences: [
          { field: 'request id', now: '20260101', wanted: 'testca.one' },
          ...(ca === 'testca' ? [] : [{ field: 'CA', now: ca, wanted: 'testca' }]),
        ],
      },
    ]);
  });

  test('with a wrong token is replaced under ours', () => {
    expect(planned({ nickname: '20260101', 'key-token': 'NSS Certificate DB' })).toMatchObject([
      {
        kind: 'replace',
        id: '20260101',
        request: desired,
        differences: [{ field: 'key token', now: 'NSS Certificate DB', wanted: 'tok' }, { field: 'request id' }],
      },
    ]);
  });

  test('of another CA, or for another certificate, is none of ours', () => {
    expect(planned({ nickname: '20260101' }, 'IPA')).toMatchObject([{ kind: 'add' }]);
    expect(planned({ nickname: '20260101', 'cert-nickname': 'two' })).toMatchObject([{ kind: 'add' }]);
  });

  test('is left alone where ours is there beside it', () => {
    const existing = [
      makeRequest({ ...properties, nickname: '20260101', 'cert-database': '/etc/alias' }, 'testca'),
      makeRequest(properties, 'testca'),
    ];
    expect(planTracking({ instance, ids: ['testca.one'], desired: [desired], existing })).toEqual([]);
  });

  test('is not removed first where it has our prefix: a certificate in files may be given another name', () => {
    const place = { kind: 'file', certificate: '/ra.pem', key: '/ra.key' } as const;
    const existing = [
      makeRequest(
        {
          ...properties,
          'key-database': '',
          'cert-database': '',
          'key-nickname': '',
          'cert-nickname': '',
          nickname: 'testca.old',
          'key-storage': 'FILE',
          'key-file': '/ra.key',
          'key-token': '',
          'cert-storage': 'FILE',
          'cert-file': '/ra.pem',
          'cert-token': '',
          'key-pin-file': '',
          'nss-user': '',
        },
        'testca',
      ),
    ];
    const given = {
      instance: { ...instance, certificates: [{ nickname: 'one', profile: 'caOCSPCert', storage: place }] },
      ids: ['testca.one'],
      desired: [{ ...desired, place, pinFile: undefined, nssUser: undefined }],
      existing,
    };
    expect(planTracking(given)).toMatchObject([{ kind: 'modify', id: 'testca.old', differences: [{ field: 'request id' }] }]);
  });
});

describe('a certificate in the internal database', () => {
  const internal: DesiredRequest = {
    ...desired,
    place: { kind: 'internal', database: 'sql:/etc/alias', nickname: 'one', knownAs: 'NSS Certificate DB' },
    pinFile: undefined,
  };
  const changes = (change: Readonly<Record<string, string | boolean>>) =>
    planTracking({
      instance: { ...instance, certificates: [{ ...certificates[0], storage: { kind: 'internal' } }] },
      ids: ['testca.one'],
      desired: [internal],
      existing: [makeRequest({ ...properties, 'key-pin-file': '', ...change }, 'testca')],
    });

  test.each(['', 'NSS Certificate DB'])('is right with the token %j: certmonger notes the name down when it has looked', (token) => {
    expect(changes({ 'key-token': token, 'cert-token': token })).toEqual([]);
  });

  test('is replaced when it is looked for on another token, or under the name FIPS mode had given its database', () => {
    expect(changes({ 'key-token': 'tok', 'cert-token': '' })).toMatchObject([
      { kind: 'replace', differences: [{ field: 'key token', now: 'tok', wanted: 'NSS Certificate DB' }] },
    ]);
    expect(changes({ 'key-token': 'NSS FIPS 140-2 Certificate DB', 'cert-token': '' })).toMatchObject([{ kind: 'replace' }]);
  });

  test('loses a PIN file that a database without a password has no use for', () => {
    expect(changes({ 'key-token': '', 'cert-token': '', 'key-pin-file': '/pin' })).toMatchObject([
      { kind: 'modify', differences: [{ field: 'PIN file', now: '/pin', wanted: undefined }] },
    ]);
  });
});

describe('a certificate in files', () => {
  const place = { kind: 'file', certificate: '/ra.pem', key: '/ra.key', owner: 'root:ra', mode: 0o440 } as const;
  const present = {
    ...properties,
    'key-storage': 'FILE',
    'cert-storage': 'FILE',
    'key-file': '/ra.key',
    'cert-file': '/ra.pem',
    'key-database': '',
    'cert-database': '',
    'key-nickname': '',
    'cert-nickname': '',
    'key-token': '',
    'cert-token': '',
    'key-pin-file': '',
    'nss-user': '',
    'key-owner': 'root:ra',
    'cert-owner': 'root:ra',
  };
  const changes = (change: Readonly<Record<string, string | boolean | number>>, wanted: object = place) =>
    planTracking({
      instance: { ...instance, certificates: [{ ...certificates[0], storage: place }] },
      ids: ['testca.one'],
      desired: [{ ...desired, place: wanted as typeof place, pinFile: undefined, nssUser: undefined }],
      existing: [makeRequest({ ...present, 'key-perms': 0o440, 'cert-perms': 0o440, ...change }, 'testca')],
    });

  test('is right as it is, and what the instance file does not say may be anything', () => {
    expect(changes({})).toEqual([]);
    expect(changes({ 'key-perms': 0o600, 'cert-owner': 'somebody' }, { kind: 'file', certificate: '/ra.pem', key: '/ra.key' })).toEqual([]);
  });

  test('has owner and mode of both files modified, and is replaced when either lies elsewhere', () => {
    expect(changes({ 'key-perms': 0o600, 'cert-owner': '' })).toMatchObject([
      {
        kind: 'modify',
        differences: [
          { field: 'certificate owner', now: undefined, wanted: 'root:ra' },
          { field: 'key mode', now: '0600', wanted: '0440' },
        ],
      },
    ]);
    expect(changes({ 'key-file': '/other.key' })).toMatchObject([
      { kind: 'replace', differences: [{ field: 'key file', now: '/other.key', wanted: '/ra.key' }] },
    ]);
  });
});

describe('a plan', () => {
  const drift: Readonly<Record<string, readonly (string | boolean)[]>> = {
    'key-token': ['', 'other', 'NSS Certificate DB'],
    'cert-token': ['', 'other'],
    'key-database': ['/etc/alias', '/elsewhere'],
    'key-pin-file': ['', '/old'],
    'key-pin': ['1234'],
    'nss-user': ['', 'other'],
    'template-profile': ['', 'caCACert'],
    'cert-presave-command': ['', '/x'],
    'cert-postsave-command': ['', '/x'],
    monitoring: [false],
    autorenew: [false],
  };
  const names = ['a', 'b', 'c', 'd', 'e'];
  const wanted = names.map((nickname): DesiredRequest => ({
    ...desired,
    id: `testca.${nickname}`,
    nickname,
    place: { kind: 'token', database: 'sql:/etc/alias', nickname, token: 'tok' },
  }));
  const given = {
    instance: {
      ...instance,
      certificates: names.map((nickname) => ({ nickname, profile: 'caOCSPCert', storage: { kind: 'token' } }) as const),
    },
    ids: wanted.map(({ id }) => id),
    desired: wanted,
  };
  const existingOf = (nickname: string) =>
    fc
      .record({
        there: fc.boolean(),
        renamed: fc.boolean(),
        ca: fc.constantFrom('testca', 'testca-reuse', 'IPA'),
        drift: fc.record(Object.fromEntries(Object.entries(drift).map(([name, values]) => [name, fc.constantFrom(...values)])), {
          requiredKeys: [],
        }),
      })
      .map(({ there, renamed, ca, drift: change }) =>
        there
          ? [
              makeRequest(
                {
                  ...properties,
                  nickname: renamed ? `2026.${nickname}` : `testca.${nickname}`,
                  'key-nickname': nickname,
                  'cert-nickname': nickname,
                  ...(change as Record<string, string | boolean>),
                },
                ca,
              ),
            ]
          : [],
      );
  const idOf = (change: Change) => (change.kind === 'remove' ? change.id : change.request.id);

  test('repairs each request by itself: what the others are like changes nothing in what is done to it, wrong tokens included', () => {
    fc.assert(
      fc.property(fc.tuple(...names.map(existingOf)), fc.nat(names.length - 1), (requests, index) => {
        const all = planTracking({ ...given, existing: requests.flat() });
        const alone = planTracking({ ...given, existing: requests[index] ?? [] });
        const mine = wanted[index]?.id;
        expect(all.filter((change) => idOf(change) === mine)).toEqual(alone.filter((change) => idOf(change) === mine));
        // Nothing is named by two changes, and nobody else's request by any.
        const touched = all.flatMap((change) => (change.kind === 'add' ? [] : [change.id]));
        expect(new Set(touched).size).toBe(touched.length);
        for (const id of touched)
          expect(requests.flat().find(({ nickname }) => nickname === id)?.ca === 'IPA' && id.startsWith('2026')).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});
