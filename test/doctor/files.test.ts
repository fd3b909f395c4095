import { expect, test } from 'vitest';
import { agentKeySafe } from '../../src/doctor/checks/files/agent-key-safe.js';
import { certificateFiles } from '../../src/doctor/checks/files/certificate-files.js';
import { configurationSafe } from '../../src/doctor/checks/files/configuration-safe.js';
import { databaseModes } from '../../src/doctor/checks/files/database-modes.js';
import { pkiConfigCurrent } from '../../src/doctor/checks/files/pki-config-current.js';
import { programsSafe } from '../../src/doctor/checks/files/programs-safe.js';
import { renewalLockSafe } from '../../src/doctor/checks/files/renewal-lock-safe.js';
import { selinuxContexts } from '../../src/doctor/checks/files/selinux-contexts.js';
import { stateFiles } from '../../src/doctor/checks/files/state-files.js';
import { diskSpace } from '../../src/doctor/checks/host/disk-space.js';
import type { Disk } from '../../src/doctor/facts/host.js';
import type { FileRole, FilesFacts, SeenFile } from '../../src/doctor/facts/files.js';
import type { Remedy } from '../../src/doctor/finding.js';
import { unknownFacts } from './facts.js';

const checks = [
  configurationSafe,
  programsSafe,
  databaseModes,
  stateFiles,
  certificateFiles,
  agentKeySafe,
  renewalLockSafe,
  pkiConfigCurrent,
  selinuxContexts,
];
const seen = (file: string, role: FileRole, uid: number, mode: number, kind: 'file' | 'directory' = 'file'): SeenFile => ({
  file,
  role,
  stat: { kind, uid, gid: uid, mode, size: 1 },
});
const owner = { text: 'www:www', uid: 33, gid: 33 };
const der = Uint8Array.of(1, 2, 3);
const files: readonly SeenFile[] = [
  seen('/etc/hsmonger/testca.toml', { is: 'configuration' }, 0, 0o644),
  seen('/opt/hsmonger-submit', { is: 'program' }, 0, 0o755),
  seen('/etc/alias', { is: 'database directory' }, 17, 0o770, 'directory'),
  seen('/etc/alias/key4.db', { is: 'database' }, 17, 0o600),
  seen('/etc/alias/cert9.db', { is: 'database' }, 17, 0o644),
  seen('/var/lib/hsmonger/testca', { is: 'state directory' }, 17, 0o700, 'directory'),
  seen('/var/lib/hsmonger/testca/ledger.sqlite', { is: 'state' }, 17, 0o600),
  seen('/ra.pem', { is: 'certificate', nickname: 'web', owner, mode: 0o644 }, 33, 0o644),
  seen('/web.key', { is: 'key', nickname: 'web' }, 0, 0o640),
  seen('/ra.crt', { is: 'agent certificate' }, 0, 0o444),
  seen('/ra.key', { is: 'agent key' }, 0, 0o440),
  seen('/run/ipa/renewal.lock', { is: 'renewal lock' }, 0, 0o644),
];
const healthy: FilesFacts = {
  account: { name: 'pkiuser', uid: 17, gid: 17 },
  files,
  selinux: {
    known: true,
    value: {
      enforcing: 'yes',
      contexts: [
        { file: '/etc/alias', actual: 'unconfined_u:object_r:pki_tomcat_cert_t:s0', wanted: 'system_u:object_r:pki_tomcat_cert_t:s0' },
        { file: '/x', actual: 'a:b:c:d', wanted: undefined },
      ],
    },
  },
  pkiConfig: {
    known: true,
    value: [
      { nickname: 'web', file: '/pki/ca/CS.cfg', directive: 'ca.sslserver.cert', value: Buffer.from(der).toString('base64') },
      { nickname: 'web', file: '/pki/kra/CS.cfg', directive: 'kra.sslserver.cert', value: undefined },
    ],
  },
};
const chain = {
  known: true,
  value: { certificates: [{ nickname: 'web', profile: 'caServerCert', der }], atHand: [], troubles: [] },
} as const;
const all = (facts: FilesFacts) =>
  checks.flatMap((check) =>
    check.run({ ...unknownFacts(), chain, files: { known: true, value: facts } }).map((finding) => ({ check: check.name, ...finding })),
  );
/** The healthy facts with one file otherwise. */
const but = (file: string, stat: Partial<NonNullable<SeenFile['stat']>>): FilesFacts => ({
  ...healthy,
  files: files.map((one) => (one.file === file && one.stat !== undefined ? { ...one, stat: { ...one.stat, ...stat } } : one)),
});
const gone = (file: string): FilesFacts => ({
  ...healthy,
  files: files.map((one) => (one.file === file ? { file, role: one.role } : one)),
});
const distrusted = (file: string): FilesFacts => ({
  ...healthy,
  files: files.map((one) => (one.file === file ? { ...one, distrust: '/opt is owned by uid 1000, not by root' } : one)),
});
const labelled = (enforcing: 'yes' | 'no'): FilesFacts => ({
  ...healthy,
  selinux: {
    known: true,
    value: { enforcing, contexts: [{ file: '/etc/alias', actual: 'u:r:etc_t:s0', wanted: 'u:r:pki_tomcat_cert_t:s0' }] },
  },
});

test('a renewal lock that was never made is no fault', () => {
  expect(all(gone('/run/ipa/renewal.lock')).filter(({ severity }) => severity !== 'success')).toEqual([]);
});

test('healthy facts give one success each', () => {
  expect(all(healthy)).toHaveLength(checks.length);
  expect(all(healthy).filter(({ severity }) => severity !== 'success')).toEqual([]);
  expect(
    selinuxContexts.run({
      ...unknownFacts(),
      files: { known: true, value: { ...healthy, selinux: { known: true, value: { enforcing: 'off' } } } },
    }),
  ).toEqual([{ severity: 'success', key: 'selinux', message: 'SELinux is off.' }]);
});

const mode = (file: string, value: number): Remedy => ({ kind: 'mode', file, mode: value });

/** What is broken, and the one finding that says so: check, severity, key, words of its sentence, what --fix does. */
const broken: readonly (readonly [string, FilesFacts, string, string, string, RegExp, Remedy | undefined])[] = [
  [
    'an instance file others can write',
    distrusted('/etc/hsmonger/testca.toml'),
    'ConfigurationSafe',
    'critical',
    '/etc/hsmonger/testca.toml',
    /decides what root runs/u,
    undefined,
  ],
  [
    'a helper others can write',
    distrusted('/opt/hsmonger-submit'),
    'ProgramsSafe',
    'critical',
    '/opt/hsmonger-submit',
    /Root runs .* owned by uid 1000/u,
    undefined,
  ],
  ['a helper that is gone', gone('/opt/hsmonger-submit'), 'ProgramsSafe', 'critical', '/opt/hsmonger-submit', /is not there/u, undefined],
  [
    'keys everybody can read',
    but('/etc/alias/key4.db', { mode: 0o644 }),
    'DatabaseModes',
    'error',
    '/etc/alias/key4.db',
    /mode 0644: everybody can read the keys/u,
    mode('/etc/alias/key4.db', 0o600),
  ],
  [
    'certificates everybody can write',
    but('/etc/alias/cert9.db', { mode: 0o666 }),
    'DatabaseModes',
    'error',
    '/etc/alias/cert9.db',
    /everybody can write/u,
    mode('/etc/alias/cert9.db', 0o660),
  ],
  [
    'a database its owner cannot write',
    but('/etc/alias', { mode: 0o550 }),
    'DatabaseModes',
    'error',
    '/etc/alias',
    /its owner cannot work with it/u,
    mode('/etc/alias', 0o750),
  ],
  [
    "a ledger that became root's",
    but('/var/lib/hsmonger/testca/ledger.sqlite', { uid: 0 }),
    'StateFiles',
    'error',
    '/var/lib/hsmonger/testca/ledger.sqlite',
    /belongs to uid 0, not to 'pkiuser'/u,
    { kind: 'owner', file: '/var/lib/hsmonger/testca/ledger.sqlite', uid: 17, gid: 17 },
  ],
  [
    'a ledger others can read',
    but('/var/lib/hsmonger/testca/ledger.sqlite', { mode: 0o644 }),
    'StateFiles',
    'error',
    '/var/lib/hsmonger/testca/ledger.sqlite',
    /others than its owner get in/u,
    mode('/var/lib/hsmonger/testca/ledger.sqlite', 0o600),
  ],
  [
    'a state directory that is open',
    but('/var/lib/hsmonger/testca', { mode: 0o755 }),
    'StateFiles',
    'error',
    '/var/lib/hsmonger/testca',
    /mode 0755/u,
    mode('/var/lib/hsmonger/testca', 0o700),
  ],
  [
    'a certificate file of another mode',
    but('/ra.pem', { mode: 0o600 }),
    'CertificateFiles',
    'error',
    '/ra.pem',
    /the instance file gives it another/u,
    mode('/ra.pem', 0o644),
  ],
  [
    'a certificate file of another owner',
    but('/ra.pem', { uid: 0 }),
    'CertificateFiles',
    'error',
    '/ra.pem',
    /0:33, not to www:www/u,
    { kind: 'owner', file: '/ra.pem', uid: 33, gid: 33 },
  ],
  ['a certificate file that is gone', gone('/ra.pem'), 'CertificateFiles', 'error', '/ra.pem', /is not there/u, undefined],
  [
    'a key file everybody can read',
    but('/web.key', { mode: 0o644 }),
    'CertificateFiles',
    'error',
    '/web.key',
    /everybody can read the key/u,
    mode('/web.key', 0o640),
  ],
  [
    "an agent's key others can read",
    but('/ra.key', { mode: 0o444 }),
    'AgentKeySafe',
    'error',
    '/ra.key',
    /others than root/u,
    mode('/ra.key', 0o440),
  ],
  [
    "an agent's key of somebody else",
    but('/ra.key', { uid: 17 }),
    'AgentKeySafe',
    'error',
    '/ra.key',
    /belongs to uid 17/u,
    { kind: 'owner', file: '/ra.key', uid: 0, gid: 0 },
  ],
  [
    'a renewal lock others can write',
    but('/run/ipa/renewal.lock', { mode: 0o666 }),
    'RenewalLockSafe',
    'error',
    '/run/ipa/renewal.lock',
    /keep every renewal from being saved/u,
    mode('/run/ipa/renewal.lock', 0o644),
  ],
  [
    'a renewal lock of somebody else',
    but('/run/ipa/renewal.lock', { uid: 17 }),
    'RenewalLockSafe',
    'critical',
    '/run/ipa/renewal.lock',
    /belongs to uid 17, so no renewed certificate can be saved/u,
    undefined,
  ],
  [
    'a renewal lock that is a directory',
    but('/run/ipa/renewal.lock', { kind: 'directory' }),
    'RenewalLockSafe',
    'critical',
    '/run/ipa/renewal.lock',
    /is no plain file/u,
    undefined,
  ],
  ["an agent's key that is gone", gone('/ra.key'), 'AgentKeySafe', 'error', '/ra.key', /approves nothing/u, undefined],
  [
    'an old copy in CS.cfg',
    {
      ...healthy,
      pkiConfig: { known: true, value: [{ nickname: 'web', file: '/pki/ca/CS.cfg', directive: 'ca.sslserver.cert', value: 'AAAA' }] },
    },
    'PkiConfigCurrent',
    'error',
    'ca.sslserver.cert',
    /is not the certificate 'web'/u,
    undefined,
  ],
  [
    'a CS.cfg nobody can read',
    { ...healthy, pkiConfig: { known: false, why: 'Not permitted.' } },
    'PkiConfigCurrent',
    'error',
    'CS.cfg',
    /Not permitted\./u,
    undefined,
  ],
  [
    'a wrong SELinux type',
    labelled('yes'),
    'SelinuxContexts',
    'error',
    '/etc/alias',
    /type etc_t, and the policy wants pki_tomcat_cert_t/u,
    { kind: 'restorecon', file: '/etc/alias' },
  ],
  [
    'a wrong SELinux type where it is permissive',
    labelled('no'),
    'SelinuxContexts',
    'warning',
    '/etc/alias',
    /type etc_t/u,
    { kind: 'restorecon', file: '/etc/alias' },
  ],
  [
    'SELinux without matchpathcon',
    { ...healthy, selinux: { known: false, why: 'There is no matchpathcon.' } },
    'SelinuxContexts',
    'warning',
    'selinux',
    /no matchpathcon/u,
    undefined,
  ],
];

test.each(broken)('%s is found, and that alone', (_, facts, check, severity, key, sentence, remedy) => {
  const found = all(facts).filter((finding) => finding.severity !== 'success');
  expect(found).toEqual([
    {
      check,
      severity,
      key,
      message: expect.stringMatching(sentence) as string,
      fix: expect.any(String) as string,
      ...(remedy === undefined ? {} : { remedy }),
    },
  ]);
});

test('files that could not be looked at are one finding', () => {
  expect(checks.flatMap((check) => check.run(unknownFacts()))).toEqual([
    expect.objectContaining({ severity: 'error', message: 'Owners and modes of files could not be looked at: The files did not answer.' }),
  ]);
});

const disk = (given: Partial<Disk>) =>
  diskSpace.run({
    ...unknownFacts(),
    host: {
      known: true,
      value: { disks: [{ of: 'the state', directory: '/var', freeBytes: 1e9, totalBytes: 1e10, freeInodes: 1e6, ...given }] },
    },
  });

test.each<readonly [string, Partial<Disk>, string]>([
  ['room enough', {}, 'success'],
  ['a file system without a count of files', { freeInodes: undefined }, 'success'],
  ['a small file system that is empty', { freeBytes: 9e6, totalBytes: 1e7 }, 'success'],
  ['little room', { freeBytes: 3e7 }, 'warning'],
  ['hardly any room', { freeBytes: 1e6 }, 'error'],
  ['few files left', { freeInodes: 500 }, 'warning'],
  ['no files left', { freeInodes: 0 }, 'error'],
])('%s', (_, given, severity) => {
  expect(disk(given).map((finding) => finding.severity)).toEqual([severity]);
});

test('room nobody could ask about is told', () => {
  expect(diskSpace.run(unknownFacts())).toEqual([
    expect.objectContaining({ severity: 'warning', message: 'How much room there is could not be asked: The host did not answer.' }),
  ]);
});
