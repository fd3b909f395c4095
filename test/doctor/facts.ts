import type { Instance } from '../../src/config/instance.js';
import type { DoctorFacts } from '../../src/doctor/facts.js';
import type { InternalSight, NssContents, NssSight } from '../../src/doctor/facts/nss.js';
import type { TokenSight } from '../../src/doctor/facts/token.js';
import type { Pair } from '../tracking/facts.js';

export const doctorInstance: Instance = {
  name: 'testca',
  file: '/etc/hsmonger/testca.toml',
  user: 'pkiuser',
  drop: 'setuid',
  token: {
    selector: { by: 'label', label: 'hsm' },
    module: '/usr/lib/module.so',
    environment: {},
    pin: { from: 'file', path: '/etc/hsmonger/pin' },
  },
  nss: { database: '/etc/alias' },
  issuer: { type: 'token', certificate: 'ca', lifetimeDays: {}, backdateSeconds: 60, digest: 'sha256' },
  saving: { guardMinutes: 15 },
  helper: { deadlineSeconds: 120 },
  agent: { probeSeconds: 60, signMinutes: 60, spreadDays: 7, reconcile: 'apply' },
  certificates: [],
};

/** Facts of which nothing is known but the instance: a test puts in what its check looks at. */
export function unknownFacts(instance: Instance = doctorInstance): DoctorFacts {
  const unknown = (what: string) => ({ known: false, why: `The ${what} did not answer.` }) as const;
  return {
    instance,
    now: new Date('2026-06-01T00:00:00Z'),
    token: unknown('token'),
    nss: unknown('NSS database'),
    internal: unknown('internal store'),
    certmonger: unknown('certmonger'),
    chain: unknown('chain'),
    servers: {},
    files: unknown('files'),
    state: unknown('state'),
    host: unknown('host'),
  };
}

/** A token all is well with, opened by a login. */
export function goodToken(pairs: readonly Pair[]): TokenSight {
  const description = {
    slotId: 1,
    label: 'hsm',
    manufacturer: '',
    model: '',
    serial: '17',
    loginRequired: true,
    initialized: true,
    writeProtected: false,
    pin: 'fine',
  } as const;
  const keys = pairs.map(({ key }) => ({ ...key, protection: { private: true, alwaysSensitive: true, neverExtractable: true } }));
  return {
    module: { ok: true },
    tokens: [description],
    token: {
      ok: true,
      description,
      certificates: pairs.map(({ certificate }) => certificate),
      mechanisms: ['CKM_RSA_PKCS_KEY_PAIR_GEN', 'CKM_SHA256_RSA_PKCS', 'CKM_RSA_PKCS', 'CKM_RSA_X_509'],
    },
    pin: { ok: true },
    pinFile: { regular: true, size: 9, uid: 17, gid: 17, mode: 0o100600 },
    reader: { uid: 17, gid: 17 },
    login: { ok: true, keys, proofs: keys.map((key) => ({ key, ok: true, latencyMs: 3 })) },
    daemon: { known: true, value: { home: '/run/certmonger', tokens: { asDaemon: { labels: ['hsm'] }, asNssUser: { labels: ['hsm'] } } } },
  };
}

export const goodNss: NssSight & { readonly contents: NssContents } = {
  format: 'sql',
  unwritable: [],
  foreign: [],
  owner: { uid: 17, gid: 17 },
  contents: {
    ok: true,
    registered: true,
    tokens: ['hsm'],
    internal: [{ nickname: 'ca', trust: 'CT,C,C' }],
    onToken: {
      ok: true,
      listed: [
        { nickname: 'ca', trust: 'CTu,Cu,Cu' },
        { nickname: 'ocsp', trust: 'u,u,u' },
      ],
    },
  },
};

export const goodInternal: InternalSight = { description: { loginRequired: false }, certificates: [], keys: [], asked: true };

/** Facts these checks have nothing to say about: a CA 'ca' and its 'ocsp', with keys on the token. */
export function goodFacts(ca: Pair, ocsp: Pair): DoctorFacts {
  const instance: Instance = {
    ...doctorInstance,
    certificates: [
      { nickname: 'ca', profile: 'caCACert', storage: { kind: 'token' } },
      { nickname: 'ocsp', profile: 'caOCSPCert', storage: { kind: 'token' } },
    ],
  };
  return {
    ...unknownFacts(instance),
    token: { known: true, value: goodToken([ca, ocsp]) },
    nss: { known: true, value: goodNss },
    internal: { known: true, value: goodInternal },
  };
}
