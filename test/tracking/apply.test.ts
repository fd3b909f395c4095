import { expect, test } from 'vitest';
import { stuckStates } from '../../dbus/states.js';
import { HsmongerError } from '../../src/errors.js';
import { applyChanges, exitCodeOf, type Step } from '../../src/tracking/apply.js';
import type { DesiredRequest } from '../../src/tracking/desired.js';
import type { Change } from '../../src/tracking/plan.js';
import { makeCertificate, makeKeys, pem } from '../x509/material.js';
import { makeRequest } from './facts.js';

/** A certmonger that fails as the real one cannot be made to; every call is noted. */
function fakeCertmonger(
  behaviour: {
    readonly states?: readonly string[];
    readonly failing?: Readonly<Record<string, HsmongerError>>;
    readonly netscapeType?: string;
    /** What is known of certificate and key. */
    readonly held?: Readonly<Record<string, string | number>>;
  } = {},
) {
  const calls: [string, ...unknown[]][] = [];
  let { netscapeType } = behaviour;
  const states = [...(behaviour.states ?? ['MONITORING'])];
  const note = (name: string, ...details: unknown[]): Promise<void> => {
    calls.push([name, ...details]);
    const failure = behaviour.failing?.[name];
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  };
  const unused = () => Promise.reject(new Error('not expected'));
  const client: Parameters<typeof applyChanges>[0] = {
    addRequest: (request) => note('add', request),
    request: (nickname) => ({
      nickname,
      find: unused,
      resubmit: () => note('resubmit', nickname).then(() => true),
      refresh: unused,
      readAnew: unused,
      read: () => {
        const status = (states.length > 1 ? states.shift() : states[0]) ?? '';
        return Promise.resolve(
          makeRequest({
            nickname,
            status,
            stuck: stuckStates.has(status),
            ...(netscapeType === undefined ? {} : { 'template-ns-certtype': netscapeType }),
            ...behaviour.held,
          }),
        );
      },
      modify: (changes) => note('modify', nickname, changes),
      omitNetscapeType: () => {
        netscapeType = undefined;
        return note('omit', nickname);
      },
      remove: () => note('remove', nickname),
    }),
  };
  return { client, calls };
}

const request: DesiredRequest = {
  id: 'ca.one',
  nickname: 'one',
  place: { kind: 'token', database: 'sql:/d', nickname: 'one', token: 'tok' },
  pinFile: '/pin',
  nssUser: 'pkiuser',
  keyType: 'EC',
  keySize: 384,
  ca: 'ca',
  profile: 'caOCSPCert',
  preSaveCommand: '/pre',
  postSaveCommand: '/post',
};
const add: Change = { kind: 'add', request };
const outcomes = (steps: readonly Step[]) => steps.map(({ outcome }) => outcome);

test('a new request names the token for both stores, the PIN file, the real key, and waits until certmonger has read it', async () => {
  const { client, calls } = fakeCertmonger({ states: ['NEWLY_ADDED', 'NEWLY_ADDED_READING_KEYINFO', 'MONITORING'] });
  const [step] = await applyChanges(client, [add]);
  const storage = { type: 'NSSDB', location: 'sql:/d', nickname: 'one', token: 'tok' };
  expect(calls).toEqual([
    [
      'add',
      {
        nickname: 'ca.one',
        keyStorage: storage,
        certificateStorage: storage,
        keyType: 'EC',
        keySize: 384,
        keyPinFile: '/pin',
        nssUser: 'pkiuser',
        ca: 'ca',
        profile: 'caOCSPCert',
        preSaveCommand: '/pre',
        postSaveCommand: '/post',
        monitoring: true,
        autorenew: true,
      },
    ],
  ]);
  expect(step).toEqual({ change: add, outcome: 'done', status: 'MONITORING' });
});

test('what would have certmonger write behind its own text is set to none, once, after adding and on its own, and nothing else is sent for it', async () => {
  const added = fakeCertmonger({ states: ['NEWLY_ADDED_READING_CERT', 'MONITORING'], netscapeType: 'server' });
  await applyChanges(added.client, [add]);
  expect(added.calls.map(([name]) => name)).toEqual(['add', 'omit']);
  const there = fakeCertmonger({ states: ['NEED_CSR', 'GENERATING_CSR', 'CA_WORKING'], netscapeType: 'email' });
  const [step] = await applyChanges(there.client, [
    { kind: 'modify', id: 'ca.one', request, differences: [{ field: 'Netscape certificate type', now: 'email', wanted: 'none' }] },
  ]);
  expect(there.calls).toEqual([
    ['modify', 'ca.one', {}],
    ['omit', 'ca.one'],
  ]);
  expect(step?.outcome).toBe('done');
});

test.each(['NEED_KEY_PAIR', 'GENERATING_KEY_PAIR', 'NEED_KEY_GEN_PIN'])(
  'a request that would make a key once it is begun anew is not modified (%s)',
  async (state) => {
    const { client, calls } = fakeCertmonger({ states: [state] });
    const [step] = await applyChanges(client, [
      { kind: 'modify', id: 'ca.one', request, differences: [{ field: 'PIN file', now: undefined, wanted: '/pin' }] },
    ]);
    expect(calls).toEqual([]);
    expect(step).toMatchObject({ outcome: 'failed', message: expect.stringContaining('stop-tracking') as string });
  },
);

test('only what differs is modified', async () => {
  const { client, calls } = fakeCertmonger();
  await applyChanges(client, [
    {
      kind: 'modify',
      id: 'ca.one',
      request,
      differences: [
        { field: 'profile', now: 'x', wanted: 'caOCSPCert' },
        { field: 'CA', now: undefined, wanted: 'ca' },
      ],
    },
  ]);
  expect(calls).toEqual([['modify', 'ca.one', { profile: 'caOCSPCert', ca: 'ca' }]]);
});

test('in the internal database no token is named, and in files neither token, user nor PIN', async () => {
  const { client, calls } = fakeCertmonger();
  const internal: DesiredRequest = {
    ...request,
    place: { kind: 'internal', database: 'sql:/d', nickname: 'one', knownAs: 'NSS Certificate DB' },
    pinFile: undefined,
  };
  const file: DesiredRequest = {
    ...request,
    place: { kind: 'file', certificate: '/c.pem', key: '/k.pem', owner: 'root:ra', mode: 0o440 },
    pinFile: undefined,
    nssUser: undefined,
  };
  await applyChanges(client, [
    { kind: 'add', request: internal },
    { kind: 'add', request: file },
  ]);
  const rest = {
    nickname: 'ca.one',
    keyType: 'EC',
    keySize: 384,
    ca: 'ca',
    profile: 'caOCSPCert',
    preSaveCommand: '/pre',
    postSaveCommand: '/post',
    monitoring: true,
    autorenew: true,
  };
  const storage = { type: 'NSSDB', location: 'sql:/d', nickname: 'one' };
  expect(calls).toEqual([
    ['add', { ...rest, nssUser: 'pkiuser', keyStorage: storage, certificateStorage: storage }],
    [
      'add',
      {
        ...rest,
        keyStorage: { type: 'FILE', location: '/k.pem' },
        certificateStorage: { type: 'FILE', location: '/c.pem' },
        keyOwner: 'root:ra',
        keyPerms: 0o440,
        certificateOwner: 'root:ra',
        certificatePerms: 0o440,
      },
    ],
  ]);
});

test('a request under another id is renamed, told its key, and then looked for under the new one', async () => {
  const { client, calls } = fakeCertmonger();
  const [step] = await applyChanges(client, [
    {
      kind: 'modify',
      id: '20260101',
      request,
      differences: [
        { field: 'request id', now: '20260101', wanted: 'ca.one' },
        { field: 'PIN', now: 'kept in clear by certmonger', wanted: undefined },
      ],
    },
  ]);
  expect(calls).toEqual([['modify', '20260101', { nickname: 'ca.one', keyType: 'EC', keySize: 384, keyPinFile: '/pin' }]]);
  expect(step).toMatchObject({ outcome: 'done' });
});

test('what is wanted no more is taken away: PIN, PIN file and user', async () => {
  const { client, calls } = fakeCertmonger();
  const bare: DesiredRequest = { ...request, pinFile: undefined, nssUser: undefined };
  await applyChanges(client, [
    {
      kind: 'modify',
      id: 'ca.one',
      request: bare,
      differences: (['PIN', 'PIN file', 'nss-user'] as const).map((field) => ({ field, now: 'x', wanted: undefined })),
    },
  ]);
  expect(calls).toEqual([['modify', 'ca.one', { keyPin: '', keyPinFile: '', nssUser: '' }]]);
});

test.each(['NEED_KEY_PAIR', 'GENERATING_KEY_PAIR', 'NEED_KEY_GEN_TOKEN'])(
  'a request that reaches %s is taken back at once',
  async (state) => {
    const { client, calls } = fakeCertmonger({ states: ['NEWLY_ADDED', state] });
    const [step] = await applyChanges(client, [add]);
    expect(step).toMatchObject({ outcome: 'failed', status: state });
    expect(calls.at(-1)).toEqual(['remove', 'ca.one']);
  },
);

test('a request that never settles is told after the time given for it', async () => {
  const [step] = await applyChanges(fakeCertmonger({ states: ['NEWLY_ADDED_READING_KEYINFO'] }).client, [add], { patienceMs: 1 });
  expect(step).toMatchObject({ outcome: 'stuck', status: 'NEWLY_ADDED_READING_KEYINFO' });
});

test('one failure does not keep the rest from being tried', async () => {
  const { client } = fakeCertmonger({ failing: { add: new HsmongerError('REQUEST_DUPLICATE', 'There is one.') } });
  const told: string[] = [];
  const steps = await applyChanges(client, [add, { kind: 'remove', id: 'ca.two', nickname: 'two' }], {
    onStep: ({ outcome }) => {
      told.push(outcome);
    },
  });
  expect(outcomes(steps)).toEqual(['failed', 'done']);
  expect(told).toEqual(['failed', 'done']);
  expect(steps[0]).toMatchObject({ code: 'REQUEST_DUPLICATE', message: 'There is one.' });
});

test('when certmonger has gone the rest is not tried', async () => {
  const { client, calls } = fakeCertmonger({ failing: { remove: new HsmongerError('CERTMONGER_UNAVAILABLE', 'Gone.') } });
  expect(outcomes(await applyChanges(client, [{ kind: 'remove', id: 'ca.two', nickname: 'two' }, add, add]))).toEqual([
    'failed',
    'skipped',
    'skipped',
  ]);
  expect(calls).toHaveLength(1);
});

test('a replacement that ends half-way says that the certificate is not tracked now', async () => {
  const { client } = fakeCertmonger({ failing: { add: new HsmongerError('CERTMONGER_REFUSED', 'No.') } });
  const [step] = await applyChanges(client, [{ kind: 'replace', id: 'ca.one', request, differences: [] }]);
  expect(step?.message).toBe("No. The request was removed before and is not tracked now: run 'hsmonger track apply' again.");
});

test.each([
  [[], 0],
  [['done', 'done'], 0],
  [['done', 'stuck'], 3],
  [['stuck', 'failed'], 1],
  [['done', 'skipped'], 1],
] as const)('steps that were %j end a command with %i', (outcomes, code) => {
  expect(exitCodeOf(outcomes.map((outcome) => ({ outcome })))).toBe(code);
});

const unread = 'NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN';

test.each([
  ['seen at the second look', [unread, 'MONITORING'], 'done', 2],
  ['never seen', [unread], 'stuck', 4],
] as const)('a new request whose token was not seen is added anew, never changed: %s', async (_, states, outcome, times) => {
  const { client, calls } = fakeCertmonger({ states });
  const [step] = await applyChanges(client, [add]);
  expect(step).toMatchObject({ outcome, status: states.at(-1) });
  const once = ['add', 'remove'];
  expect(calls.map(([name]) => name)).toEqual(
    Array.from({ length: times }, () => once)
      .flat()
      .slice(0, -1),
  );
});

test.each([
  ['seen at the second look', ['NEED_CSR_GEN_TOKEN', 'NEED_CSR_GEN_TOKEN', 'CA_WORKING'], {}, 'done', 1],
  ['never seen', ['NEED_CSR_GEN_TOKEN'], {}, 'stuck', 3],
  ['of a key certmonger takes for another', ['NEED_CSR_GEN_TOKEN'], { 'key-size': 384 }, 'stuck', 0],
] as const)('a known one whose token was not seen is asked for again with its own key: %s', async (_, states, key, outcome, times) => {
  const certificate = await makeCertificate({ keys: await makeKeys('p256') });
  const held = { cert: pem(certificate.der), 'key-type': 'EC', 'key-size': 256, ...key };
  const { client, calls } = fakeCertmonger({ states, held });
  const [step] = await applyChanges(client, [add]);
  expect(step).toMatchObject({ outcome, status: states.at(-1) });
  expect(calls.slice(1)).toEqual(
    Array.from({ length: times }, () => [
      ['modify', 'ca.one', { keyType: 'EC', keySize: 256 }],
      ['resubmit', 'ca.one'],
    ]).flat(),
  );
});
