import type { Diagnosis } from '../../../src/diagnosis/diagnosis.js';
import type { AgentEvent } from '../../../src/agent/report/events.js';
import type { AgentSnapshot, CertificateSnapshot, InstanceSnapshot, RequestSnapshot } from '../../../src/agent/report/snapshot.js';

export const now = new Date('2027-03-05T09:30:00Z');
const day = 86_400_000;
const from = (days: number) => new Date(now.getTime() + days * day);

/** A certificate in the middle of its life, or `left` days from its end. */
export function certificate(
  nickname: string,
  { left = 400, life = 730, profile = 'caOCSPCert', ...change }: Partial<CertificateSnapshot> & { left?: number; life?: number } = {},
): CertificateSnapshot {
  return {
    nickname,
    profile,
    where: 'softhsm_token',
    request: `hsmonger.${nickname.replace(/[^A-Za-z0-9._-]/gu, '_')}`,
    state: 'MONITORING',
    subject: `CN=${nickname},O=EXAMPLE.TEST`,
    issuer: 'CN=Certificate Authority,O=EXAMPLE.TEST',
    serial: '755a3e6d09080ac1bcc8c7d6b0f5d1e0',
    notBefore: from(left - life),
    notAfter: from(left),
    ...(left > 0 ? { renewal: { from: from(left - 42), to: from(left - 28), planned: from(left - 35) } } : {}),
    history:
      life < 1000
        ? [{ notBefore: from(left - 2 * life + 28), notAfter: from(left - life + 28), serial: '56aa49a849fee04be0da1410e20ee8a8' }]
        : [],
    ...change,
  };
}

export const diagnoses = {
  tokenAway: {
    cause: 'token-away',
    severity: 'critical',
    sentence: "The token 'softhsm_token' is not there: the module lists no slot with that label.",
    cure: {
      by: 'waiting',
      advice: 'Plug the HSM in or start its daemon; the agent goes on by itself once the token is back.',
      alone: true,
    },
  },
  pinBad: {
    cause: 'pin-bad',
    severity: 'critical',
    sentence: "The PIN in /etc/hsmonger/hsmonger.pin was refused by the token 'softhsm_token'; it was not tried again.",
    cure: { by: 'a person', advice: 'Put the right PIN into /etc/hsmonger/hsmonger.pin, or run hsmonger token change-pin.', alone: false },
  },
  refused: {
    cause: 'ca-rejected',
    severity: 'error',
    sentence: 'The CA refused the request: its profile caOCSPCert is disabled.',
    cure: { by: 'a person', advice: 'Enable the profile on the CA, then run hsmonger renew.', alone: false },
  },
  unreachable: {
    cause: 'ca-unreachable',
    severity: 'warning',
    sentence: 'The CA at https://ca.example.test:8443 does not answer.',
    cure: { by: 'refresh', advice: 'The request is asked for again as soon as the CA answers.', alone: true },
  },
} satisfies Record<string, Diagnosis>;

const event = (
  kind: AgentEvent['kind'],
  hours: number,
  message: string,
  nickname?: string,
  details?: AgentEvent['details'],
): AgentEvent => ({
  kind,
  at: new Date(now.getTime() - hours * 3_600_000),
  instance: 'hsmonger',
  message,
  ...(nickname === undefined ? {} : { nickname }),
  ...(details === undefined ? {} : { details }),
});

const events: readonly AgentEvent[] = [
  event('trouble', 60, "The token 'softhsm_token' is not there: the module lists no slot with that label.", undefined, {
    cause: 'token-away',
  }),
  event('healed', 59.5, "The token 'softhsm_token' is back after 31 minutes.", undefined, { cause: 'token-away', cure: 'waiting' }),
  event('reconciled', 30, 'One request was added: auditSigningCert cert-pki-ca.'),
  event('renewed', 5, "'subsystemCert cert-pki-ca' was renewed in 3.2 s and ends 2029-03-04 now.", 'subsystemCert cert-pki-ca', {
    serial: '755a',
    seconds: '3.2',
  }),
];

const requestOf = (ca: string, one: CertificateSnapshot): RequestSnapshot => ({
  nickname: one.request ?? '',
  ca,
  status: one.state,
  stuck: /NEED_|REJECTED/u.test(one.state),
  ...(one.diagnosis === undefined ? {} : { caError: one.diagnosis.sentence }),
  storage: { type: 'NSSDB', database: '/etc/pki/pki-tomcat/alias', nickname: one.nickname, token: one.where, file: undefined },
  ...(one.notBefore === undefined ? {} : { notBefore: one.notBefore }),
  ...(one.notAfter === undefined ? {} : { notAfter: one.notAfter }),
  lastChecked: from(-0.1),
  keyGenerated: from(-900),
  keyIssuedCount: 2,
});

const instance = (certificates: readonly CertificateSnapshot[], change: Partial<InstanceSnapshot> = {}): InstanceSnapshot => ({
  name: 'hsmonger',
  token: {
    label: 'softhsm_token',
    reachable: true,
    pin: 'fine',
    login: 'proven',
    signLatencyMs: 3.4,
    signatures: 812,
    lookedAt: new Date(now.getTime() - 41_000),
  },
  diagnoses: [],
  reconciled: { at: from(-0.02), changes: 0, refusals: [] },
  certificates,
  ...change,
});

const snapshot = (instances: readonly InstanceSnapshot[], change: Partial<AgentSnapshot> = {}): AgentSnapshot => ({
  at: now,
  version: '0.1.0',
  startedAt: from(-23),
  certmonger: { running: true, enabled: true },
  instances,
  requests: instances.flatMap(({ name, certificates }) =>
    certificates.filter(({ request }) => request !== undefined).map((one) => requestOf(name, one)),
  ),
  counters: {
    renewals: [{ instance: 'hsmonger', nickname: 'subsystemCert cert-pki-ca', count: 1 }],
    failures: [{ instance: 'hsmonger', cause: 'token-away', count: 2 }],
    heals: [{ instance: 'hsmonger', cause: 'token-away', count: 2 }],
    signatures: [{ instance: 'hsmonger', count: 812 }],
  },
  events,
  ...change,
});

const family = [
  certificate('caSigningCert cert-pki-ca', { left: 5200, life: 7305, profile: 'caCACert' }),
  certificate('ocspSigningCert cert-pki-ca', { left: 92 }),
  certificate('auditSigningCert cert-pki-ca', { left: 310, profile: 'caSignedLogCert' }),
  certificate('subsystemCert cert-pki-ca', { left: 729, profile: 'caSubsystemCert', lastRenewal: { at: from(-0.2), seconds: 3.2 } }),
  certificate('storageCert cert-pki-kra', { left: 540, profile: 'caStorageCert' }),
  certificate('transportCert cert-pki-kra', { left: 171, profile: 'caTransportCert' }),
];

const file: RequestSnapshot = {
  nickname: '20240311111713',
  ca: 'IPA',
  status: 'MONITORING',
  stuck: false,
  storage: { type: 'FILE', file: '/etc/pki/tls/certs/grafana.crt', database: undefined, nickname: undefined, token: undefined },
  notBefore: from(-300),
  notAfter: from(430),
  lastChecked: from(-0.1),
  keyIssuedCount: 1,
};

function healthy(): AgentSnapshot {
  const whole = snapshot([instance(family)]);
  return { ...whole, requests: [...whole.requests, file] };
}

/** A token that is away, a PIN that is refused, a CA that refuses, one that is expired, one not tracked, one under way. */
function problems(): AgentSnapshot {
  const [ca, ocsp, audit, subsystem, storage, transport] = family as [
    CertificateSnapshot,
    CertificateSnapshot,
    CertificateSnapshot,
    CertificateSnapshot,
    CertificateSnapshot,
    CertificateSnapshot,
  ];
  return snapshot([
    instance(
      [
        ca,
        { ...certificate(ocsp.nickname, { left: 12 }), state: 'CA_REJECTED', diagnosis: diagnoses.refused },
        { ...certificate(audit.nickname, { left: -3 }), state: 'CA_UNREACHABLE', diagnosis: diagnoses.unreachable },
        { ...subsystem, state: 'SUBMITTING' },
      ],
      {
        token: {
          label: 'softhsm_token',
          reachable: true,
          pin: 'count-low',
          login: 'refused',
          signatures: 812,
          lookedAt: new Date(now.getTime() - 41_000),
        },
        diagnoses: [diagnoses.pinBad],
        reconciled: {
          at: from(-0.02),
          changes: 1,
          refusals: ["The request '20250101' uses the key of 'ocspSigningCert cert-pki-ca' and is not ours."],
        },
      },
    ),
    instance(
      [
        { ...storage, state: 'NEED_CSR_GEN_TOKEN', where: 'kra_token', diagnosis: diagnoses.tokenAway },
        { ...transport, state: 'NEED_CSR_GEN_TOKEN', where: 'kra_token', diagnosis: diagnoses.tokenAway },
        { nickname: 'adminCert', profile: 'caAdminCert', where: '/etc/pki/admin.crt', state: 'not tracked', history: [] },
      ],
      {
        name: 'kra',
        token: {
          label: 'kra_token',
          reachable: false,
          pin: 'unknown',
          login: 'unknown',
          signatures: 0,
          lookedAt: new Date(now.getTime() - 20_000),
        },
        diagnoses: [diagnoses.tokenAway],
      },
    ),
  ]);
}

function many(count: number): AgentSnapshot {
  return snapshot([
    instance(
      Array.from({ length: count }, (_none, index) =>
        certificate(`server-${String(index).padStart(4, '0')}.example.test`, {
          left: 20 + ((index * 37) % 380),
          life: 397,
          profile: 'caServerCert',
          ...(index % 50 === 7 ? { state: 'CA_UNREACHABLE', diagnosis: diagnoses.unreachable } : {}),
        }),
      ),
    ),
  ]);
}

/** Names and sentences somebody made to break what shows them. */
export const hostileName = `</td><script>alert(1)</script><img src=x onerror=alert(2)>&amp;"'\u202egnp.exe\u2066\u0007\n${'very-long-'.repeat(20)}`;

function hostile(): AgentSnapshot {
  const evil: Diagnosis = {
    cause: hostileName,
    severity: 'error',
    sentence: `${hostileName} is wrong.`,
    cure: { by: 'a person', advice: `javascript:${hostileName}`, alone: false },
  };
  const one: CertificateSnapshot = {
    ...certificate(hostileName, { left: 50 }),
    where: hostileName,
    profile: hostileName,
    subject: hostileName,
    state: hostileName,
    diagnosis: evil,
  };
  return snapshot(
    [
      instance([one], {
        name: 'hsmonger',
        token: { label: hostileName, reachable: false, pin: 'locked', login: 'no PIN', signatures: 1 },
        diagnoses: [evil],
      }),
    ],
    {
      version: hostileName,
      certmonger: { running: false, trouble: hostileName },
      events: [{ kind: 'failed', at: now, instance: hostileName, nickname: hostileName, message: hostileName }],
      counters: {
        renewals: [{ instance: hostileName, nickname: hostileName, count: 3 }],
        failures: [{ instance: hostileName, cause: hostileName, count: 1 }],
        heals: [],
        signatures: [],
      },
    },
  );
}

function empty(): AgentSnapshot {
  return snapshot([], {
    events: [],
    counters: { renewals: [], failures: [], heals: [], signatures: [] },
    certmonger: { running: false, trouble: 'certmonger does not run; start it with systemctl start certmonger.' },
  });
}

export const snapshots = { healthy, problems, many, hostile, empty };
