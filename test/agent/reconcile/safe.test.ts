import { expect, test } from 'vitest';
import { safe, type ChangeFacts } from '../../../src/agent/reconcile/safe.js';
import type { DesiredRequest } from '../../../src/tracking/desired.js';
import type { Change, Field } from '../../../src/tracking/plan.js';

const request: DesiredRequest = {
  id: 'ca.a',
  nickname: 'a',
  place: { kind: 'token', database: 'sql:/db', nickname: 'a', token: 'hsm' },
  pinFile: '/pin',
  nssUser: 'pkiuser',
  keyType: 'RSA',
  keySize: 2048,
  ca: 'ca',
  profile: 'caOCSPCert',
  preSaveCommand: '/pre',
  postSaveCommand: '/post',
};
const well: ChangeFacts = { refusals: [], request: { status: 'MONITORING' }, keyChange: undefined };
const modify = (...fields: Field[]): Change => ({
  kind: 'modify',
  id: 'ca.a',
  request,
  differences: fields.map((field) => ({ field, now: 'x', wanted: 'y' })),
});
const refusal = (nickname?: string) => ({
  check: 'key-proven',
  problem: 'The key is not there.',
  fix: 'Look for it.',
  ...(nickname === undefined ? {} : { nickname }),
});

test.each<[string, Change, Partial<ChangeFacts>, 'do' | 'later' | 'report']>([
  ['adding', { kind: 'add', request }, {}, 'do'],
  ['adding what pre-flight refuses', { kind: 'add', request }, { refusals: [refusal('a')] }, 'report'],
  ['adding where pre-flight refuses the whole instance', { kind: 'add', request }, { refusals: [refusal()] }, 'report'],
  ['adding where pre-flight refuses another', { kind: 'add', request }, { refusals: [refusal('b')] }, 'do'],
  ['adding with another key', { kind: 'add', request }, { keyChange: 'Another key.' }, 'report'],
  ...(
    [
      'CA',
      'profile',
      'PIN file',
      'PIN',
      'nss-user',
      'pre-save command',
      'post-save command',
      'track',
      'auto-renew',
      'key owner',
      'key mode',
      'certificate owner',
      'certificate mode',
      'Netscape certificate type',
    ] as const
  ).map((field): [string, Change, Partial<ChangeFacts>, 'do'] => [`modifying ${field}`, modify(field), {}, 'do']),
  ['taking over', modify('request id'), {}, 'report'],
  ['taking over with more', modify('profile', 'request id', 'CA'), {}, 'report'],
  ['modifying what pre-flight refuses', modify('CA'), { refusals: [refusal('a')] }, 'report'],
  ['modifying with another key', modify('CA'), { keyChange: 'Another key.' }, 'report'],
  ['modifying one that waits for its CA', modify('CA'), { request: { status: 'CA_WORKING' } }, 'later'],
  ['what is set without beginning anew, of one at work', modify('Netscape certificate type'), { request: { status: 'NEED_CSR' } }, 'do'],
  ['the same with something else', modify('Netscape certificate type', 'CA'), { request: { status: 'NEED_CSR' } }, 'later'],
  ['modifying one that is saved', modify('CA'), { request: { status: 'SAVING_CERT' } }, 'later'],
  ['modifying one that is gone', modify('CA'), { request: undefined }, 'later'],
  ['modifying one stuck over its PIN', modify('PIN file'), { request: { status: 'NEED_KEYINFO_READ_PIN' } }, 'do'],
  ...(['NEED_KEY_PAIR', 'GENERATING_KEY_PAIR', 'NEED_KEY_GEN_PERMS', 'NEED_KEY_GEN_TOKEN', 'NEED_KEY_GEN_PIN'] as const).map(
    (status): [string, Change, Partial<ChangeFacts>, 'report'] => [
      `modifying one that would make a key then (${status})`,
      modify('PIN file'),
      { request: { status } },
      'report',
    ],
  ),
  ['modifying one that was refused', modify('CA'), { request: { status: 'CA_REJECTED' } }, 'do'],
  ['modifying one whose CA is away', modify('CA'), { request: { status: 'CA_UNREACHABLE' } }, 'do'],
  [
    'replacing',
    { kind: 'replace', id: 'ca.a', request, differences: [{ field: 'key token', now: undefined, wanted: 'hsm' }] },
    {},
    'report',
  ],
  ['removing', { kind: 'remove', id: 'ca.gone', nickname: 'gone' }, {}, 'report'],
])('%s', (_what, change, facts, verdict) => {
  const judgement = safe(change, { ...well, ...facts });
  expect(judgement.verdict).toBe(verdict);
  if (judgement.verdict !== 'do') expect(judgement.why).toMatch(/^[A-Z'c].*[.)]$/u);
});
