import { expect, test } from 'vitest';
import type { DesiredRequest } from '../../src/tracking/desired.js';
import { planTracking } from '../../src/tracking/plan.js';
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
])('another %s is modified alone', (property, value, field) => {
  expect(planned({ [property]: value })).toMatchObject([{ kind: 'modify', request: desired, differences: [{ field }] }]);
});

test('another CA is modified', () => {
  expect(planned({}, 'SelfSign')).toMatchObject([{ kind: 'modify', differences: [{ field: 'CA', now: 'SelfSign', wanted: 'testca' }] }]);
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

test("only requests of our CA under our prefix that no certificate claims are removed, and a key that cannot be proven today keeps its request", () => {
  const existing = [
    makeRequest({ ...properties, nickname: 'testca.gone' }, 'testca'),
    makeRequest({ ...properties, nickname: 'testca.unproven' }, 'testca'),
    makeRequest({ ...properties, nickname: 'testca.b.one' }, 'testca.b'),
    makeRequest({ ...properties, nickname: '2026' }, 'testca'),
  ];
  expect(planTracking({ instance, ids: ['testca.unproven'], desired: [], existing })).toEqual([{ kind: 'remove', id: 'testca.gone', nickname: 'one' }]);
});
