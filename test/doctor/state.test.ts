import { beforeAll, expect, test } from 'vitest';
import { clock } from '../../src/doctor/checks/host/clock.js';
import { agentCertificate } from '../../src/doctor/checks/servers/agent-certificate.js';
import { authorityReachable } from '../../src/doctor/checks/servers/authority-reachable.js';
import { authorityTrusted } from '../../src/doctor/checks/servers/authority-trusted.js';
import { directoryReachable } from '../../src/doctor/checks/servers/directory-reachable.js';
import { pkiEntries } from '../../src/doctor/checks/servers/pki-entries.js';
import { renewalMaster } from '../../src/doctor/checks/servers/renewal-master.js';
import { sharedCertificates } from '../../src/doctor/checks/servers/shared-certificates.js';
import { lastOutcomes } from '../../src/doctor/checks/state/last-outcomes.js';
import { ledgerMatches } from '../../src/doctor/checks/state/ledger-matches.js';
import { ledgerSound } from '../../src/doctor/checks/state/ledger-sound.js';
import { refusedPins } from '../../src/doctor/checks/state/refused-pins.js';
import { savingsFinished } from '../../src/doctor/checks/state/savings-finished.js';
import { takeOverFinished } from '../../src/doctor/checks/state/take-over-finished.js';
import type { CertmongerFacts } from '../../src/doctor/facts/certmonger.js';
import type { DirectoryLook, ServersFacts } from '../../src/doctor/facts/servers.js';
import type { StateFacts } from '../../src/doctor/facts/state.js';
import type { DoctorFacts } from '../../src/doctor/facts.js';
import type { Instance } from '../../src/config/instance.js';
import { requestIds } from '../../src/config/request-id.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { certificateToPem } from '../../src/x509/pem.js';
import { keyFingerprint } from '../../src/x509/public-key.js';
import { makeRequest } from '../tracking/facts.js';
import { day, makeCertificate, makeKeys, now, type Keys } from '../x509/material.js';
import { doctorInstance, unknownFacts } from './facts.js';

const checks = [
  ledgerSound,
  savingsFinished,
  ledgerMatches,
  lastOutcomes,
  takeOverFinished,
  refusedPins,
  clock,
  directoryReachable,
  renewalMaster,
  sharedCertificates,
  authorityTrusted,
  pkiEntries,
  authorityReachable,
  agentCertificate,
];
const instance: Instance = {
  ...doctorInstance,
  certificates: [{ nickname: 'ca', profile: 'caCACert', storage: { kind: 'token' } }],
  directory: {
    uri: 'ldaps://ipa.test',
    startTls: false,
    bind: { method: 'external' },
    base: 'dc=test',
    pkiBase: 'o=ipaca',
    host: 'ipa.test',
  },
};
const id = requestIds(instance).get('ca') ?? '';
const at = (days: number) => new Date(now.getTime() + days * day);
let keys: Keys;
let other: Keys;
let certificate: Certificate;
let older: Certificate;
let later: Certificate;
let foreign: Certificate;

beforeAll(async () => {
  [keys, other] = await Promise.all([makeKeys('p256'), makeKeys('p256')]);
  const made = (days: number, given: Keys = keys) => makeCertificate({ keys: given, notBefore: at(-100), notAfter: at(days) });
  [older, certificate, later, foreign] = await Promise.all([made(10), made(400), made(800), made(400, other)]);
});

const directory = (given: Partial<DirectoryLook> = {}): ServersFacts => ({
  directory: {
    known: true,
    value: {
      servers: [{ host: 'ipa.test', ca: true, kra: false, renewalMaster: true, here: true }],
      shared: [{ nickname: 'ca', published: [older.der, certificate.der] }],
      trusted: [certificate.der],
      entries: [{ nickname: 'ca', of: 'authorities', state: 'current' }],
      ...given,
    },
  },
  authority: { url: 'https://pki.test', answer: { known: true, value: { date: now } }, agent: { known: true, value: certificate.der } },
});
const healthyState = (): StateFacts => ({
  faults: [],
  newest: at(-1),
  outcomes: [{ subjectKey: keyFingerprint(keys.spki), profile: 'caCACert', at: at(-1), code: 'ISSUED', message: '', uid: 17 }],
  issued: [
    {
      subjectKey: keyFingerprint(keys.spki),
      profile: 'caCACert',
      subject: '',
      notAfter: certificate.notAfter,
      issuedAt: at(-1),
    },
  ],
  savings: [],
  refusedPins: [],
  takenOver: [{ id: '20240101000000', ours: id }],
});
const certmonger = (given: Partial<CertmongerFacts> = {}): DoctorFacts['certmonger'] => ({
  known: true,
  value: {
    version: '0.79.17',
    replaced: false,
    confFile: '',
    settings: new Map(),
    cas: [],
    requests: [makeRequest({ nickname: id, status: 'MONITORING', cert: certificateToPem(certificate.der) }, 'testca')],
    tracking: { known: false, why: '' },
    ...given,
  },
});
const healthy = (): DoctorFacts => ({
  ...unknownFacts(instance),
  now,
  servers: directory(),
  state: { known: true, value: healthyState() },
  certmonger: certmonger(),
  chain: {
    known: true,
    value: { certificates: [{ nickname: 'ca', profile: 'caCACert', der: certificate.der }], atHand: [], troubles: [] },
  },
});
const state = (given: Partial<StateFacts>): DoctorFacts => ({
  ...healthy(),
  state: { known: true, value: { ...healthyState(), ...given } },
});
const servers = (given: Partial<ServersFacts>): DoctorFacts => ({ ...healthy(), servers: { ...directory(), ...given } });
const all = (facts: DoctorFacts) => checks.flatMap((check) => check.run(facts).map((finding) => ({ check: check.name, ...finding })));
const authority = (given: Partial<NonNullable<ServersFacts['authority']>>) =>
  servers({ authority: { url: 'https://pki.test', answer: { known: true, value: {} }, ...given } });
const issued = (cert: Certificate, issuedAt: Date) => ({
  issued: [{ subjectKey: keyFingerprint(keys.spki), profile: 'caCACert', subject: '', notAfter: cert.notAfter, issuedAt }],
});
const outcome = (code: 'TOKEN_NOT_FOUND' | 'ISSUED', when: Date) => ({
  outcomes: [{ subjectKey: keyFingerprint(keys.spki), profile: 'caCACert', at: when, code, message: 'There is no token.', uid: 17 }],
});

test('healthy facts give one success each', () => {
  expect(all(healthy())).toHaveLength(checks.length);
  expect(all(healthy()).filter(({ severity }) => severity !== 'success')).toEqual([]);
});

test('an instance that stands alone has no servers to be wrong', () => {
  const found = all({ ...healthy(), servers: {} });
  expect(found).toHaveLength(checks.length);
  expect(found.filter(({ severity }) => severity !== 'success')).toEqual([]);
});

/** What is broken, and the one finding that says so: check, severity, words of its sentence. */
const broken: readonly (readonly [string, () => DoctorFacts, string, string, RegExp])[] = [
  [
    'a damaged ledger',
    () => state({ faults: [{ file: '/l.sqlite', fault: 'SQLite finds: row missing.' }] }),
    'LedgerSound',
    'critical',
    /\/l\.sqlite is damaged: SQLite finds/u,
  ],
  [
    'a saving that stopped',
    () => state({ savings: [{ nickname: 'ca', step: 'located', left: [], updatedAt: at(-1) }] }),
    'SavingsFinished',
    'error',
    /stopped after 'located'/u,
  ],
  [
    'a follow-up that is left',
    () =>
      state({
        savings: [
          { nickname: 'ca', step: 'in service', left: [{ step: 'published', reason: 'The directory is away.' }], updatedAt: at(-1) },
        ],
      }),
    'SavingsFinished',
    'warning',
    /'published' is left .* The directory is away\.$/u,
  ],
  ['a certificate nobody saved', () => state(issued(later, at(-1))), 'LedgerMatchesStores', 'error', /was issued at .* has not saved it/u],
  [
    'a certmonger that reads another one',
    () => ({
      ...healthy(),
      certmonger: certmonger({
        requests: [makeRequest({ nickname: id, status: 'MONITORING', cert: certificateToPem(older.der) }, 'testca')],
      }),
    }),
    'LedgerMatchesStores',
    'warning',
    /holds another certificate/u,
  ],
  ['a last attempt that failed', () => state(outcome('TOKEN_NOT_FOUND', at(-1))), 'LastOutcomes', 'warning', /gave: There is no token\.$/u],
  [
    'a helper that was too slow',
    () => state({ watchdog: { at: at(-0.5), message: 'No answer in 120 seconds.' } }),
    'LastOutcomes',
    'warning',
    /once too slow.*No answer/u,
  ],
  [
    'an interrupted take-over',
    () => ({
      ...healthy(),
      certmonger: certmonger({ requests: [makeRequest({ nickname: '20240101000000', status: 'MONITORING' }, 'IPA')] }),
    }),
    'TakeOverFinished',
    'warning',
    /was interrupted/u,
  ],
  [
    'a PIN that was moved aside',
    () => state({ refusedPins: [{ file: '/etc/hsmonger/pin', aside: '/etc/hsmonger/pin.refused', replaced: false }] }),
    'RefusedPins',
    'error',
    /moved to \/etc\/hsmonger\/pin\.refused/u,
  ],
  [
    'a PIN that was moved aside and replaced',
    () => state({ refusedPins: [{ file: '/etc/hsmonger/pin', aside: '/etc/hsmonger/pin.refused', replaced: true }] }),
    'RefusedPins',
    'warning',
    /another PIN in \/etc\/hsmonger\/pin now/u,
  ],
  ['a clock that went backwards', () => state({ newest: at(1) }), 'Clock', 'error', /it went backwards/u],
  [
    "a clock apart from the CA's",
    () => authority({ answer: { known: true, value: { date: at(-1) } } }),
    'Clock',
    'error',
    /that of the CA at https:\/\/pki\.test/u,
  ],
  [
    'a directory that is away',
    () => servers({ directory: { known: false, why: 'Nothing listens there.' } }),
    'DirectoryReachable',
    'error',
    /Nothing listens there\./u,
  ],
  ['no renewal master', () => servers(directory({ alarm: 'No server is the renewal master.' })), 'RenewalMaster', 'error', /No server is/u],
  [
    'a renewal master that does not answer',
    () => servers(directory({ servers: [{ host: 'm.test', ca: true, kra: false, renewalMaster: true, here: false, reachable: false }] })),
    'RenewalMaster',
    'warning',
    /'m\.test' does not answer/u,
  ],
  [
    'a later certificate that waits',
    () => servers(directory({ shared: [{ nickname: 'ca', published: [certificate.der, later.der] }] })),
    'SharedCertificates',
    'warning',
    /A later certificate/u,
  ],
  [
    'a certificate the master has not published',
    () => servers(directory({ shared: [{ nickname: 'ca', published: [older.der] }] })),
    'SharedCertificates',
    'error',
    /later than what is published/u,
  ],
  [
    'a published certificate of another key',
    () => servers(directory({ shared: [{ nickname: 'ca', published: [foreign.der] }] })),
    'SharedCertificates',
    'error',
    /has another key/u,
  ],
  [
    'a CA the domain does not know',
    () => servers(directory({ trusted: [older.der] })),
    'AuthorityTrusted',
    'error',
    /not below cn=certificates/u,
  ],
  [
    'an authority entry of another certificate',
    () => servers(directory({ entries: [{ nickname: 'ca', of: 'authorities', state: 'stale' }] })),
    'PkiEntries',
    'error',
    /authorities below o=ipaca know another/u,
  ],
  [
    'no user entry at all',
    () => servers(directory({ entries: [{ nickname: 'ca', of: 'users', state: 'none' }] })),
    'PkiEntries',
    'warning',
    /None of the users below o=ipaca/u,
  ],
  [
    'a CA that does not answer',
    () => authority({ answer: { known: false, why: 'Nothing listens there.' } }),
    'AuthorityReachable',
    'error',
    /pki\.test could not be asked: Nothing listens/u,
  ],
  [
    "an agent's certificate that ends",
    () => authority({ agent: { known: true, value: older.der } }),
    'AgentCertificate',
    'warning',
    /expires at/u,
  ],
  [
    "an agent's certificate nobody can read",
    () => authority({ agent: { known: false, why: 'No such file.' } }),
    'AgentCertificate',
    'error',
    /No such file\./u,
  ],
];

test.each(broken)('%s is found, and that alone', (_, facts, check, severity, sentence) => {
  const found = all(facts()).filter((finding) => finding.severity !== 'success');
  expect(found).toEqual([
    expect.objectContaining({ check, severity, message: expect.stringMatching(sentence) as string, fix: expect.any(String) as string }),
  ]);
});

test('a clock before a certificate begins says so, whatever else that breaks', () => {
  expect(clock.run({ ...healthy(), now: at(-101) }).map(({ key }) => key)).toEqual(['ledger', 'ca', 'https://pki.test']);
});

test('what is under way is not told', () => {
  const found = all(
    state({
      savings: [{ nickname: 'ca', step: 'located', left: [], updatedAt: new Date(now.getTime() - 60_000) }],
      ...issued(later, new Date(now.getTime() - 60_000)),
      ...outcome('TOKEN_NOT_FOUND', at(-101)),
    }),
  );
  expect(found.filter(({ severity }) => severity !== 'success')).toEqual([]);
});

test('a state that cannot be read is one finding', () => {
  const found = checks.flatMap((check) => check.run({ ...unknownFacts(), now })).filter(({ severity }) => severity !== 'success');
  expect(found).toEqual([
    expect.objectContaining({
      severity: 'error',
      message: 'What is remembered of this instance cannot be read: The state did not answer.',
    }),
  ]);
});
