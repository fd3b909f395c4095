import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { refreshableStates, stuckStates } from '../../dbus/states.js';
import { reactions, type ErrorCode } from '../../src/errors.js';
import { diagnose, diagnoseSite, problemOf } from '../../src/diagnosis/diagnose.js';
import type { Remembered, RequestFacts, RequestSeen } from '../../src/diagnosis/facts.js';
import { askingStates, keyMakingStates, passingStates, saveFailedStates } from '../../src/diagnosis/groups.js';
import type { LoginProbe, Probe, TokenProbe, Verdict } from '../../src/diagnosis/probe.js';
import { siteRows } from '../../src/diagnosis/site-rows.js';
import { requestRows } from '../../src/diagnosis/table.js';

const now = new Date('2026-06-01T00:00:00Z');
const days = (count: number) => new Date(now.getTime() + count * 86_400_000);
const minute = 60_000;

function facts(status: string, over: Partial<RequestFacts> = {}, request: Partial<RequestSeen> = {}): RequestFacts {
  return {
    now,
    instance: 'hsmonger',
    user: 'pkiuser',
    database: '/alias',
    token: { label: 'hsm', pinFile: '/pin' },
    nickname: 'ocsp',
    place: 'on the token',
    onToken: true,
    request: {
      id: 'hsmonger.ocsp',
      status,
      stuck: stuckStates.has(status),
      key: 'same',
      certificate: { notBefore: days(-700), notAfter: days(20) },
      ...request,
    },
    forMs: 1000,
    trail: [{ status, agoMs: 1000 }],
    remembered: {},
    tries: 0,
    ...over,
  };
}

const login = (found: LoginProbe, pin: Extract<TokenProbe, { state: 'present' }>['pin'] = 'fine'): Probe => ({
  at: now,
  token: { state: 'present', pin, login: found, keys: found.state === 'proven' ? { ocsp: { ok: true, latencyMs: 1 } } : {} },
});
const fine = login({ state: 'proven', source: 'file:1' });
const away: Probe = { at: now, token: { state: 'away', code: 'TOKEN_NOT_FOUND', problem: 'There is no token.' } };
const no = (problem: string): Verdict => ({ ok: false, problem });
const said = (code: ErrorCode, at = days(-1)): Remembered => ({ outcome: { code, message: `It said ${code}.`, at } });
const refused = login({ state: 'refused', source: 'file:1', code: 'PIN_KNOWN_BAD', problem: 'refused' }, 'count-low');

/** A round of 30 seconds each, the last just begun. */
const crashing = (rounds: number) =>
  Array.from({ length: rounds }, (_, at) => (rounds - 1 - at) * 30_000).flatMap((agoMs) => [
    { status: 'GENERATING_CSR', agoMs: agoMs + 30 },
    { status: 'NEED_CSR', agoMs },
  ]);

const examples: [string, RequestFacts, string | undefined, string?][] = [
  // token
  ['the token is away', facts('NEED_CSR_GEN_TOKEN', { probe: away }), 'token-away', 'waiting'],
  ['nobody has looked', facts('NEED_CSR_GEN_TOKEN'), 'token-away', 'waiting'],
  ['it is back', facts('NEED_CSR_GEN_TOKEN', { probe: fine }), 'token-away', 'resubmit'],
  [
    'it is back while the key was not read: a resubmit would make one',
    facts('NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN', { probe: fine }),
    'token-away',
    'restart',
  ],
  [
    'nor is certmonger set going before the key is proven',
    facts('NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN', {
      probe: { ...fine, token: { ...(fine.token as Extract<TokenProbe, { state: 'present' }>), keys: {} } },
    }),
    'token-away',
    'waiting',
  ],
  ...(['NEED_KEYINFO_READ_TOKEN', 'NEED_KEYINFO_READ_PIN'] as const).flatMap((status): [string, RequestFacts, string, string][] => {
    const cause = status.endsWith('PIN') ? 'pin-refused' : 'token-away';
    return [
      [`the key is proven (${status})`, facts(status, { probe: fine }), cause, 'restart'],
      [
        `nobody has seen the key: read again, it might be made (${status})`,
        facts(status, { probe: { ...fine, token: { ...(fine.token as Extract<TokenProbe, { state: 'present' }>), keys: {} } } }),
        cause,
        'waiting',
      ],
    ];
  }),
  [
    'the key is gone',
    facts('NEED_CSR_GEN_TOKEN', {
      probe: {
        ...fine,
        token: {
          ...(fine.token as Extract<TokenProbe, { state: 'present' }>),
          keys: { ocsp: { ok: false, code: 'KEY_NOT_FOUND', problem: 'no key' } },
        },
      },
    }),
    'key-missing',
    'a person',
  ],
  ['certmonger does not see what we see', facts('NEED_CSR_GEN_TOKEN', { probe: fine, tries: 3 }), 'token-unseen', 'restart'],
  // PIN
  ['the PIN is bad', facts('NEED_CSR_GEN_PIN', { probe: refused }), 'pin-refused', 'move PIN aside'],
  [
    'it was moved',
    facts('NEED_CSR_GEN_PIN', {
      pinMovedTo: '/pin.refused',
      probe: login({ state: 'no PIN', code: 'PIN_SOURCE_MISSING', problem: 'missing' }),
    }),
    'pin-refused',
    'waiting',
  ],
  ['a new one is proven', facts('NEED_CSR_GEN_PIN', { probe: fine }), 'pin-refused', 'resubmit'],
  [
    'one more locks it, and nobody knows',
    facts('NEED_CSR_GEN_PIN', { probe: login({ state: 'refused', code: 'PIN_FINAL_TRY', problem: 'x' }, 'final-try') }),
    'pin-final-try',
    'move PIN aside',
  ],
  [
    'a bad one is bad whatever is left',
    facts('NEED_CSR_GEN_PIN', { probe: login({ state: 'refused', source: 'file:1', code: 'PIN_KNOWN_BAD', problem: 'x' }, 'final-try') }),
    'pin-refused',
    'move PIN aside',
  ],
  [
    'it is locked',
    facts('NEED_CSR_GEN_PIN', { probe: login({ state: 'refused', code: 'PIN_LOCKED', problem: 'x' }, 'locked') }),
    'pin-locked',
    'a person',
  ],
  [
    'it is missing',
    facts('NEED_CSR_GEN_PIN', { probe: login({ state: 'no PIN', code: 'PIN_SOURCE_MISSING', problem: 'x' }) }),
    'pin-missing',
    'waiting',
  ],
  [
    'it is unsafe',
    facts('NEED_CSR_GEN_PIN', { probe: login({ state: 'no PIN', code: 'PIN_UNSAFE', problem: 'x' }) }),
    'pin-unsafe',
    'a person',
  ],
  [
    'the HSM does not say',
    facts('NEED_CSR_GEN_PIN', { probe: login({ state: 'unanswered', code: 'TOKEN_FAILED', problem: 'x' }) }),
    'token-silent',
    'waiting',
  ],
  ['a PIN where none is needed', facts('NEED_CERTSAVE_PIN'), 'pin-not-needed', 'reconcile'],
  ['no token at all', facts('NEED_CSR_GEN_PIN', { onToken: false }), 'token-needless', 'reconcile'],
  // loops of saving
  [
    'saving fails, the token is away',
    facts('START_SAVING_CERT', {
      probe: away,
      trail: [
        { status: 'NEED_TO_NOTIFY_ISSUED_SAVE_FAILED', agoMs: 30_000 },
        { status: 'START_SAVING_CERT', agoMs: 10 },
      ],
    }),
    'token-away',
    'waiting',
  ],
  [
    'between two rounds of that it is made to wait without the lock',
    facts('NEED_TO_NOTIFY_ISSUED_SAVE_FAILED', { probe: away }),
    'token-away',
    'resubmit',
  ],
  [
    'and where its PIN was moved',
    facts('NEED_TO_NOTIFY_ISSUED_SAVE_FAILED', {
      pinMovedTo: '/pin.refused',
      probe: login({ state: 'no PIN', code: 'PIN_SOURCE_MISSING', problem: 'missing' }),
    }),
    'pin-refused',
    'resubmit',
  ],
  [
    'and where it is missing',
    facts('NOTIFYING_ISSUED_SAVE_FAILED', { probe: login({ state: 'no PIN', code: 'PIN_SOURCE_MISSING', problem: 'missing' }) }),
    'pin-missing',
    'resubmit',
  ],
  [
    'a PIN only we cannot read may be spent by certmonger',
    facts('NOTIFYING_ISSUED_SAVE_FAILED', { probe: login({ state: 'no PIN', code: 'PIN_SOURCE_INVALID', problem: 'unreadable' }) }),
    'pin-missing',
    'waiting',
  ],
  [
    'saving fails, the PIN is bad: an attempt a minute',
    facts('NEED_TO_NOTIFY_ISSUED_SAVE_FAILED', { probe: refused }),
    'pin-refused',
    'move PIN aside',
  ],
  [
    'saving fails, the NSS database cannot be written',
    facts('NOTIFYING_ISSUED_SAVE_FAILED', { probe: { ...fine, nss: { unwritable: ['.'] } } }),
    'nss-unwritable',
    'waiting',
  ],
  ['saving fails and nothing is known', facts('NOTIFYING_ISSUED_SAVE_FAILED'), 'saving-fails', 'waiting'],
  ['a saving that goes on is none of it', facts('START_SAVING_CERT', { probe: fine }), undefined],
  // other loops
  ['a new key each round', facts('GENERATING_KEY_PAIR'), 'makes-keys', 'a person'],
  [
    'a stale certificate is read after each saving',
    facts('NEED_CSR', { trail: [25, 15, 5].map((ago) => ({ status: 'MONITORING', agoMs: ago * minute })) }),
    'renews-in-circles',
    'a person',
  ],
  [
    'expired and refused every 30 s',
    facts('MONITORING', {}, { caError: 'No.', certificate: { notBefore: days(-700), notAfter: days(-1) } }),
    'expired-refused',
    'waiting',
  ],
  ['the helper cannot be run', facts('NEED_TO_SUBMIT', { probe: { ...fine, helper: no('x') } }), 'helper-not-executable', 'waiting'],
  ['nor could it, by the time it takes', facts('NEED_TO_SUBMIT', { forMs: 2 * minute }), 'helper-not-executable', 'waiting'],
  ['the helper hangs', facts('SUBMITTING', { forMs: 11 * minute }), 'helper-hangs', 'a person'],
  ['something else hangs', facts('READING_CERT', { forMs: 16 * minute }), 'not-moving', 'a person'],
  ['another one keeps the lock', facts('NEED_TO_SAVE_CERT', { forMs: 2 * minute, lockHeldBy: 'other' }), 'lock-held', 'waiting'],
  // the helper's answers
  ['the token is away, says the helper', facts('CA_WORKING', { remembered: said('TOKEN_NOT_FOUND') }), 'token-away', 'waiting'],
  [
    'it is back earlier than it asks again',
    facts('CA_WORKING', { probe: fine, remembered: said('TOKEN_NOT_FOUND') }),
    'token-away',
    'refresh',
  ],
  [
    'a look from before its answer proves nothing',
    facts('CA_WORKING', { probe: fine, remembered: said('TOKEN_NOT_FOUND', days(1)) }),
    'token-away',
    'waiting',
  ],
  ['the CA is restarting', facts('CA_WORKING', { remembered: said('CA_UNREACHABLE') }), 'ca-unreachable', 'waiting'],
  [
    'the CA answers again',
    facts('CA_WORKING', { probe: { ...fine, ca: { ok: true } }, remembered: said('CA_UNREACHABLE') }),
    'ca-unreachable',
    'refresh',
  ],
  [
    'the directory is back',
    facts('CA_WORKING', { probe: { ...fine, directory: { ok: true } }, remembered: said('DIRECTORY_UNAVAILABLE') }),
    'directory-down',
    'refresh',
  ],
  ['an agent has to approve', facts('CA_WORKING', { remembered: said('CA_PENDING') }), 'ca-pending', 'waiting'],
  ['seven days', facts('CA_UNREACHABLE'), 'ca-unreachable', 'refresh'],
  ['not before the CA answers', facts('CA_UNREACHABLE', { probe: { ...fine, ca: no('x') } }), 'ca-unreachable', 'waiting'],
  ['a long delay of somebody else', facts('CA_WORKING', { forMs: 11 * minute }), 'asked-too-rarely', 'refresh'],
  ['one that waits for its poll is left alone', facts('CA_WORKING'), undefined],
  // the making of the certificate request
  ['the child crashes each time', facts('NEED_CSR', { trail: crashing(4) }), 'request-fails', 'a person'],
  [
    'it is at it again',
    facts('GENERATING_CSR', { trail: [...crashing(4), { status: 'GENERATING_CSR', agoMs: 10 }] }),
    'request-fails',
    'a person',
  ],
  [
    'its next tries are too short to be seen',
    facts('NEED_CSR', {
      trail: [
        { status: 'MONITORING', agoMs: 200 * minute },
        { status: 'NEED_CSR', agoMs: 4 * minute },
      ],
      forMs: 4 * minute,
    }),
    'request-fails',
    'a person',
  ],
  [
    'certmonger is known to write where it should not',
    facts('NEED_CSR', { trail: crashing(4) }, { netscapeType: 'server' }),
    'request-crashes',
    'reconcile',
  ],
  ['nothing of what it writes hurts', facts('NEED_CSR', { trail: crashing(4) }, { netscapeType: 'none' }), 'request-fails', 'a person'],
  ['the token went away meanwhile', facts('NEED_CSR', { trail: crashing(4), probe: away }), 'token-away', 'waiting'],
  ['it failed twice', facts('NEED_CSR', { trail: crashing(2) }), undefined],
  [
    'a slow HSM makes one request for as long as it likes',
    facts('GENERATING_CSR', {
      trail: [
        { status: 'NEED_CSR', agoMs: 14 * minute + 50 },
        { status: 'GENERATING_CSR', agoMs: 14 * minute },
      ],
      forMs: 14 * minute,
    }),
    undefined,
  ],
  [
    'it was renewed again and again',
    facts('NEED_CSR', {
      trail: [4, 3, 2, 1, 0]
        .flatMap((ago) => [
          { status: 'NEED_CSR', agoMs: ago * minute + 3 },
          { status: 'GENERATING_CSR', agoMs: ago * minute + 2 },
          { status: 'SUBMITTING', agoMs: ago * minute + 1 },
        ])
        .slice(0, -2),
    }),
    undefined,
  ],
  // refused and at a loss
  ['refused, and certmonger would ask in three weeks', facts('MONITORING', {}, { caError: 'No.' }), 'refused', 'resubmit'],
  ['refused without a certificate', facts('CA_REJECTED', {}, { caError: 'No.' }), 'refused', 'resubmit'],
  [
    'an outside CA has to sign',
    facts('MONITORING', { remembered: said('ISSUER_EXTERNAL') }, { caError: 'No.' }),
    'needs-outside-ca',
    'a person',
  ],
  ['the helper is not configured', facts('CA_UNCONFIGURED', {}, { caError: 'No.' }), 'unconfigured', 'resubmit'],
  ['the helper was killed', facts('NEED_GUIDANCE'), 'helper-killed', 'resubmit'],
  ['the NSS database could not be written, and the lock is kept', facts('NEED_CERTSAVE_PERMS'), 'nss-unwritable', 'resubmit'],
  ['the CA certificates could not be', facts('NEED_CA_CERT_SAVE_PERMS'), 'ca-certificates-unwritable', 'restart'],
  ['the CA is not known', facts('NEED_CA'), 'ca-unknown', 'reconcile'],
  ['a state nobody knows', facts('NEED_SOMETHING', {}, { stuck: true }), 'stuck', 'a person'],
  // at rest
  ['reads what was replaced', facts('MONITORING', { remembered: { superseded: true, unsaved: days(700) } }), 'reads-another', 'restart'],
  ['stored by the owner', facts('MONITORING', { remembered: { storedByOwner: true } }), 'not-taken', 'a person'],
  ['killed before it had saved', facts('MONITORING', { remembered: { unsaved: days(700) } }), 'not-saved', 'resubmit'],
  ['expiry unknown', facts('MONITORING', { probe: fine }, { certificate: {} }), 'expiry-unknown', 'restart'],
  ['expiry unknown while the token is away', facts('MONITORING', { probe: away }, { certificate: {} }), 'expiry-unknown', 'waiting'],
  ["another key than the certificate's", facts('MONITORING', {}, { key: 'other' }), 'other-key', 'a person'],
  ['expired', facts('MONITORING', {}, { certificate: { notBefore: days(-700), notAfter: days(-1) } }), 'expired', 'waiting'],
  ['not tracked', facts('MONITORING', { request: 'none' }), 'not-tracked', 'reconcile'],
  ['its certificate is not there', facts('MONITORING', { inStore: 'none' }), 'certificate-missing', 'a person'],
  [
    'certmonger reads an older one',
    facts('MONITORING', { inStore: { notBefore: days(-1), notAfter: days(700) } }),
    'reads-another',
    'a person',
  ],
  ['it gave up without a word to certmonger', facts('MONITORING', { remembered: said('INTERNAL') }), 'gave-up', 'resubmit'],
  [
    'a step of its saving is left',
    facts('MONITORING', { remembered: { saving: { step: 'in service', stillMs: 0, left: { step: 'published' } } } }),
    'saving-left',
    'waiting',
  ],
  [
    'its saving stopped',
    facts('MONITORING', { remembered: { saving: { step: 'trusted', stillMs: 6 * minute } } }),
    'saving-stopped',
    'a person',
  ],
  ['the master has not published', facts('CA_WORKING', { remembered: said('NOT_PUBLISHED') }), 'waits-for-others', 'waiting'],
  ['something else', facts('CA_WORKING', { remembered: said('COMMAND_FAILED') }), 'helper-waits', 'waiting'],
  ['the helper was ended by its deadline', facts('CA_WORKING', { remembered: { silence: 'No answer.' } }), 'helper-silent', 'waiting'],
  ['the state cannot be written', facts('CA_WORKING', { remembered: said('STATE_UNAVAILABLE') }), 'disk', 'waiting'],
  [
    'the state can be again',
    facts('CA_WORKING', { probe: { ...fine, disk: { ok: true } }, remembered: said('STATE_UNAVAILABLE') }),
    'disk',
    'refresh',
  ],
  ['a request of SCEP', facts('NEED_SCEP_GEN_PIN'), 'scep', 'a person'],
  ['nothing', facts('MONITORING', { probe: fine }), undefined],
  ['nothing of its own while the token is away and it rests', facts('MONITORING', { probe: away }), undefined],
];

test.each<[string, RequestFacts, string | undefined, string?]>(examples)('%s', (_name, given, cause, cure) => {
  const found = diagnose(given);
  expect(found?.cause).toBe(cause);
  if (cure !== undefined) expect(found?.cure.by).toBe(cure);
});

test('of what all need, each trouble is told, of the PIN the nearest', () => {
  const site = { now, instance: 'x', user: 'pkiuser', database: '/alias', token: { label: 'hsm', pinFile: '/pin' } };
  const causes = (probe: Probe, over = {}) => diagnoseSite({ ...site, probe, ...over }).map(({ cause }) => cause);
  expect(causes({ ...away, nss: { unwritable: ['key4.db'] }, helper: no('x'), directory: no('x'), ca: no('x'), disk: no('x') })).toEqual([
    'disk',
    'token-away',
    'nss-unwritable',
    'helper-not-executable',
    'directory-down',
    'ca-unreachable',
  ]);
  expect(causes(refused, { certmonger: { trouble: 'It does not run.' } })).toEqual(['certmonger-away', 'pin-refused']);
  expect(causes(fine)).toEqual([]);
  expect(diagnoseSite(site)).toEqual([]);
});

describe('the table is whole', () => {
  it.each([...stuckStates])('%s has its row, whatever was or was not looked at', (status) => {
    for (const probe of [undefined, fine, away, refused]) {
      for (const onToken of [true, false])
        expect(diagnose(facts(status, { onToken, ...(probe === undefined ? {} : { probe }) })), status).toBeDefined();
    }
  });

  it.each([...passingStates, ...askingStates, ...saveFailedStates])('%s that lasts for hours is told', (status) => {
    expect(diagnose(facts(status, { forMs: 240 * minute }))).toBeDefined();
  });

  it('every cause stands in docs/diagnosis.md, and no other', () => {
    const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/diagnosis.md'), 'utf8');
    const told = [...page.matchAll(/^\| `([a-z-]+)` \|/gmu)].map(([, cause]) => cause).sort();
    expect(told).toEqual([...new Set([...requestRows, ...siteRows].map(({ cause }) => cause))].sort());
  });

  it('every cause of a request has its example above', () => {
    const shown = new Set(examples.map(([, , cause]) => cause));
    expect([...new Set(requestRows.map(({ cause }) => cause))].filter((cause) => !shown.has(cause))).toEqual([]);
  });
});

const verdict = fc.oneof(fc.constant<Verdict>({ ok: true }), fc.constant<Verdict>(no('It does not.')));
const anyLogin: fc.Arbitrary<LoginProbe> = fc.oneof(
  fc.constant<LoginProbe>({ state: 'proven', source: 'file:1' }),
  fc
    .constantFrom('PIN_INCORRECT', 'PIN_KNOWN_BAD', 'PIN_LOCKED', 'PIN_FINAL_TRY')
    .map((code): LoginProbe => ({ state: 'refused', code, problem: 'Refused.' })),
  fc
    .constantFrom('PIN_SOURCE_MISSING', 'PIN_UNSAFE', 'PIN_SOURCE_INVALID')
    .map((code): LoginProbe => ({ state: 'no PIN', code, problem: 'No PIN.' })),
  fc.constant<LoginProbe>({ state: 'unanswered', code: 'TOKEN_FAILED', problem: 'No answer.' }),
);
const anyToken: fc.Arbitrary<TokenProbe> = fc.oneof(
  fc.constant<TokenProbe>({ state: 'away', code: 'TOKEN_NOT_FOUND', problem: 'Away.' }),
  fc.record({
    state: fc.constant('present' as const),
    pin: fc.constantFrom('fine' as const, 'count-low' as const, 'final-try' as const, 'locked' as const),
    login: anyLogin,
    keys: fc.constantFrom(
      {},
      { ocsp: { ok: true as const, latencyMs: 1 } },
      { ocsp: { ok: false as const, code: 'KEY_NOT_FOUND', problem: 'No key.' } },
    ),
  }),
);
const anyProbe: fc.Arbitrary<Probe> = fc.record(
  {
    at: fc.constantFrom(now, days(-2)),
    token: anyToken,
    nss: fc.constantFrom({ unwritable: [] }, { unwritable: ['.'] }),
    helper: verdict,
    directory: verdict,
    ca: verdict,
    disk: verdict,
  },
  { requiredKeys: ['at'] },
);
const anyRemembered: fc.Arbitrary<Remembered> = fc.record(
  {
    outcome: fc.record({
      code: fc.constantFrom(...(Object.keys(reactions) as ErrorCode[])),
      message: fc.constant('It said so.'),
      at: fc.constantFrom(days(-1), days(1)),
    }),
    silence: fc.constant('Silent.'),
    unsaved: fc.constant(days(700)),
    saving: fc.record({ step: fc.constant('trusted'), stillMs: fc.constantFrom(0, 10 * minute) }),
  },
  { requiredKeys: [] },
);
const states = [...stuckStates, ...passingStates, ...askingStates, ...saveFailedStates, 'MONITORING', 'CA_UNREACHABLE', 'INVALID'];
const anyFacts = fc
  .record({
    status: fc.constantFrom(...states),
    probe: fc.option(anyProbe, { nil: undefined }),
    remembered: anyRemembered,
    tries: fc.nat(9),
    forMs: fc.nat(1_000_000),
    onToken: fc.boolean(),
    caError: fc.option(fc.constant('No.'), { nil: undefined }),
    left: fc.constantFrom(-1, 20, undefined),
    key: fc.constantFrom('same' as const, 'other' as const, 'unknown' as const),
    trail: fc.array(fc.record({ status: fc.constantFrom(...states), agoMs: fc.nat(3_600_000) }), { maxLength: 8 }),
  })
  .map(({ status, probe, remembered, tries, forMs, onToken, caError, left, key, trail }) =>
    facts(
      status,
      { remembered, tries, forMs, onToken, trail, ...(probe === undefined ? {} : { probe }) },
      {
        key,
        certificate: left === undefined ? {} : { notBefore: days(-700), notAfter: days(left) },
        ...(caError === undefined ? {} : { caError }),
      },
    ),
  );

test('whatever is seen, a diagnosis is whole, and a cure is one that does something in that state and never makes a key', () => {
  fc.assert(
    fc.property(anyFacts, (given) => {
      const found = diagnose(given);
      const status = given.request === 'none' ? '' : (given.request?.status ?? '');
      if (found === undefined) return;
      expect(found.sentence).toMatch(/^\S.*[.:]$/u);
      expect(found.cure.advice).toMatch(/^[A-Z].*\.$/u);
      expect(problemOf(given)).toContain(found.sentence);
      expect(found.cure.alone).toBe(found.cure.by !== 'a person');
      const { by } = found.cure;
      if (by === 'refresh') expect(refreshableStates).toContain(status);
      // Whatever is on its way is left alone; what goes in circles is between two rounds.
      if (by === 'resubmit' || by === 'restart')
        expect(stuckStates.has(status) || status === 'MONITORING' || (saveFailedStates as readonly string[]).includes(status)).toBe(true);
      if ((keyMakingStates as readonly string[]).includes(status)) expect(by).toBe('a person');
      // certmonger knows no key there: a resubmit would make one.
      if (status.includes('KEYINFO')) expect(by).not.toBe('resubmit');
      if (by === 'resubmit' || by === 'restart' || by === 'refresh')
        expect(given.request === 'none' ? undefined : given.request?.key).not.toBe('other');
    }),
    { numRuns: 20_000 },
  );
});
