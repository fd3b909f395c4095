import { expect, test } from 'vitest';
import type { InstanceSnapshot } from '../../../src/agent/report/snapshot.js';
import { withAgentView } from '../../../src/cli/status/agent-view.js';
import { statusRow, type CertificateFacts } from '../../../src/cli/status/rows.js';
import { needsAttention, statusTable } from '../../../src/cli/status/table.js';
import type { Diagnosis } from '../../../src/diagnosis/diagnosis.js';

const now = new Date('2026-06-01T00:00:00Z');
const days = (count: number) => new Date(now.getTime() + count * 86_400_000);
const notAfter = days(100);
const instance: CertificateFacts['instance'] = {
  name: 'hsmonger',
  user: 'pkiuser',
  nss: { database: '/alias' },
  token: { selector: { by: 'label', label: 'hsm' }, module: '/m.so', environment: {}, pin: { from: 'file', path: '/pin' } },
};

function facts(
  over: Partial<CertificateFacts> = {},
  request: Partial<Exclude<CertificateFacts['request'], 'none' | undefined>> = {},
): CertificateFacts {
  return {
    instance,
    config: { nickname: 'ocsp', profile: 'caOCSPCert', storage: { kind: 'token' } },
    where: 'hsm',
    inStore: { notBefore: days(-100), notAfter },
    subjectKey: 'aa',
    request: {
      nickname: 'hsmonger.ocsp',
      status: 'MONITORING',
      stuck: false,
      caError: undefined,
      certificate: {
        pem: undefined,
        chain: [],
        roots: [],
        issuer: undefined,
        subject: undefined,
        serial: undefined,
        notBefore: days(-100),
        notAfter,
        email: [],
        hostname: [],
        principal: [],
        keyUsage: undefined,
        extendedKeyUsage: [],
        lastChecked: days(-1),
      },
      ...request,
    },
    ledger: { outcomes: [], issued: [], superseded: [], inPlace: [], journal: [] },
    ...over,
  };
}

const outcome = (over: object = {}) => ({
  outcomes: [
    {
      subjectKey: 'aa',
      profile: 'caOCSPCert',
      at: days(-1),
      code: 'TOKEN_NOT_FOUND' as const,
      message: 'There is no token.',
      uid: 1,
      ...over,
    },
  ],
  issued: [],
  superseded: [],
  inPlace: [],
  journal: [],
});

test("a certificate at rest has its days left, the next renewal by certmonger's thresholds, and no problem", () => {
  expect(statusRow(now, facts())).toEqual({
    nickname: 'ocsp',
    profile: 'caOCSPCert',
    token: 'hsm',
    request: 'hsmonger.ocsp',
    state: 'MONITORING',
    notAfter,
    daysLeft: 100,
    nextRenewal: days(72),
  });
});

test.each<[string, CertificateFacts, string | RegExp]>([
  [
    'ca-error comes before what the ledger remembers',
    facts({ ledger: outcome() }, { caError: 'The profile is unknown.' }),
    'The profile is unknown.',
  ],
  ['the last refusal, which exit 5 hides from certmonger', facts({ ledger: outcome() }, { status: 'CA_WORKING' }), 'There is no token.'],
  ['a stuck state says what certmonger waits for', facts({}, { status: 'NEED_CSR_GEN_PIN', stuck: true }), /PIN/u],
  ['a stuck state nobody has a word for', facts({}, { status: 'NEED_SOMETHING', stuck: true }), /^certmonger waits for an administrator/u],
  [
    'a stuck state, not what the helper said when it was asked last',
    facts({ ledger: outcome() }, { status: 'NEED_CSR_GEN_TOKEN', stuck: true }),
    /token/u,
  ],
  ['a request that is not there, whatever was refused before', facts({ request: 'none', ledger: outcome() }), /does not track it/u],
  ['a request that is not there', facts({ request: 'none' }), /does not track it/u],
  ['a certificate that is not on the token', facts({ inStore: 'none' }), /no certificate 'ocsp' on the token/u],
  [
    'a certificate that is not in the NSS database',
    facts({ inStore: 'none', config: { nickname: 'ocsp', profile: 'caOCSPCert', storage: { kind: 'internal' } } }),
    /^There is no certificate 'ocsp' in the NSS database\./u,
  ],
  [
    'a certificate whose file is not there',
    facts({
      inStore: 'none',
      config: { nickname: 'ocsp', profile: 'caOCSPCert', storage: { kind: 'file', certificate: '/ra.pem', key: '/ra.key' } },
    }),
    /^There is no certificate 'ocsp' in \/ra\.pem\./u,
  ],
  [
    'a saving that stopped',
    facts({
      ledger: {
        outcomes: [],
        issued: [],
        superseded: [],
        inPlace: [],
        journal: [{ nickname: 'ocsp', step: 'trusted', left: [], updatedAt: days(-1) }],
      },
    }),
    "Saving its new certificate stopped after 'trusted'. Run 'hsmonger renew' to finish it.",
  ],
  [
    'what is left of a saving',
    facts({
      ledger: {
        outcomes: [],
        issued: [],
        superseded: [],
        inPlace: [],
        journal: [
          { nickname: 'ocsp', step: 'in service', left: [{ step: 'published', reason: 'The directory is away.' }], updatedAt: days(-1) },
        ],
      },
    }),
    "The new certificate is in place, 'published' is left and tried again by itself: The directory is away.",
  ],
  [
    'a helper that gave no answer in time',
    facts(
      {
        ledger: {
          outcomes: [],
          issued: [],
          superseded: [],
          inPlace: [],
          journal: [],
          watchdog: { at: days(-1), message: 'No answer within 120 seconds.' },
        },
      },
      { status: 'CA_WORKING' },
    ),
    'No answer within 120 seconds.',
  ],
  [
    'a certificate that was issued and not saved',
    facts({
      ledger: {
        outcomes: [],
        issued: [{ subjectKey: 'aa', profile: 'caOCSPCert', notAfter: days(720) }],
        superseded: [],
        inPlace: [],
        journal: [],
      },
    }),
    /was issued, but certmonger has not saved it/u,
  ],
  ['an expired certificate', facts({ inStore: { notBefore: days(-100), notAfter: days(-2) } }), /^It has expired\./u],
  [
    'certmonger reading an older certificate than the token has',
    facts({ inStore: { notBefore: days(-1), notAfter: days(700) } }),
    /not the newest one/u,
  ],
])('a problem is told: %s', (_name, given, problem) => {
  const row = statusRow(now, given);
  if (typeof problem === 'string') expect(row.problem).toBe(problem);
  else expect(row.problem).toMatch(problem);
  expect(needsAttention({ instance: 'x', at: now, rows: [row], troubles: [] })).toBe(true);
});

test.each<[string, CertificateFacts]>([
  ['a refusal of another key', facts({ ledger: outcome({ subjectKey: 'bb' }) })],
  ['a refusal older than the certificate', facts({ ledger: outcome({ at: days(-200) }) })],
  ['an issue', facts({ ledger: outcome({ code: 'ISSUED', message: '' }) })],
  [
    'a saving that is under way',
    facts({
      ledger: {
        outcomes: [],
        issued: [],
        superseded: [],
        inPlace: [],
        journal: [{ nickname: 'ocsp', step: 'trusted', left: [], updatedAt: now }],
      },
    }),
  ],
  [
    'a silence long answered',
    facts(
      { ledger: { ...outcome({ code: 'ISSUED', message: '' }), watchdog: { at: days(-5), message: 'No answer.' } } },
      { status: 'SUBMITTING' },
    ),
  ],
  ['no answer of certmonger', facts({ request: undefined })],
])('no problem is seen in %s', (_name, given) => {
  expect(statusRow(now, given).problem).toBeUndefined();
});

test('a part that could not be asked needs attention, and is told below the table', () => {
  const report = { instance: 'x', at: now, rows: [statusRow(now, facts({ request: undefined }))], troubles: ['certmonger does not run.'] };
  expect(needsAttention(report)).toBe(true);
  expect(statusTable(report, false)).toBe(
    'NICKNAME  TOKEN  STATE    DAYS LEFT  NEXT RENEWAL  PROBLEM\nocsp      hsm    unknown  100        -\ncertmonger does not run.\n',
  );
});

const away: Diagnosis = {
  cause: 'token-away',
  severity: 'critical',
  sentence: 'The token is not there.',
  cure: { by: 'waiting', advice: 'Bring it back.', alone: true },
};
const seen = (over: Partial<InstanceSnapshot> = {}): InstanceSnapshot => ({
  name: 'hsmonger',
  diagnoses: [],
  certificates: [{ nickname: 'ocsp', profile: 'caOCSPCert', where: 'hsm', state: 'MONITORING', history: [] }],
  ...over,
});
const report = (troubles: readonly string[] = [], over: Partial<CertificateFacts> = {}) => ({
  instance: 'hsmonger',
  at: now,
  rows: [statusRow(now, facts(over))],
  troubles,
});

test("what a running agent says is wrong is told, its request's before what one look guesses", () => {
  const refused: Diagnosis = {
    cause: 'pin-refused',
    severity: 'critical',
    sentence: 'The PIN is bad.',
    cure: { by: 'move PIN aside', advice: 'Write another.', alone: true },
  };
  const told = withAgentView(report(), seen({ diagnoses: [refused] }));
  expect(told.troubles).toEqual(['The PIN is bad. Write another.']);
  expect(needsAttention(told)).toBe(true);
  const stuck = withAgentView(
    report(),
    seen({
      diagnoses: [away],
      certificates: [{ ...seen().certificates[0]!, diagnosis: away, renewal: { from: days(60), to: days(72), planned: days(65) } }],
    }),
  );
  expect(stuck.rows[0]).toMatchObject({ problem: 'The token is not there. Bring it back.', nextRenewal: days(65) });
  expect(stuck.troubles).toEqual([]);
});

test('what this look has told already is not told twice, and without an agent nothing changes', () => {
  expect(withAgentView(report(['The token is not there.']), seen({ diagnoses: [away] })).troubles).toEqual(['The token is not there.']);
  const row = { ...seen().certificates[0]!, diagnosis: away };
  expect(withAgentView(report(['The token is not there.', 'Else.']), seen({ diagnoses: [away], certificates: [row] })).troubles).toEqual([
    'Else.',
  ]);
  const gone: Diagnosis = { ...away, cause: 'certmonger-away', sentence: 'certmonger does not run, so it is told nothing.' };
  expect(
    withAgentView(
      { ...report(['certmonger does not run.']), rows: [statusRow(now, { ...facts(), request: undefined })] },
      seen({ diagnoses: [gone] }),
    ).troubles,
  ).toEqual(['certmonger does not run.']);
  expect(withAgentView(report(), undefined)).toEqual(report());
});
