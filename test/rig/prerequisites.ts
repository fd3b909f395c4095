import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';
import { installation } from '../../src/platform/installation.js';
import { library } from './modules/rig.js';
import { ensureServiceUser } from './service-user.js';
import { softHsmModule } from './soft-token.js';

const programs = [
  'getcert',
  'softhsm2-util',
  'certutil',
  'modutil',
  'pkcs11-tool',
  'p11tool',
  'openssl',
  'certtool',
  'dbus-daemon',
  'setpriv',
  'runuser',
  'strace',
  'p11-kit',
  'swtpm',
  'unshare',
  'cc',
  'ldapsearch',
  'ip',
  'kinit',
  'kadmin.local',
  'krb5kdc',
  '/usr/sbin/ns-slapd',
  '/usr/lib/certmonger/certmonger-session',
];

/** Before any test: the run fails, in one sentence, when a real part is missing; nothing is skipped or faked in its place. */
export default function setup(): void {
  const missing = programs.filter((program) => !runs(program));
  missing.push(
    ...[
      softHsmModule,
      ...['libsoftokn3.so', 'libtss2-tcti-swtpm.so.0', 'pkcs11/libtpm2_pkcs11.so', 'pkcs11/p11-kit-client.so'].map(library),
    ].filter((file) => !existsSync(file)),
  );
  if (missing.length > 0)
    throw new Error(`The tests need ${missing.join(', ')}: run 'sh packaging/bootstrap.sh tests' as root, which installs what is missing.`);
  const unbuilt = ['hsmonger', 'hsmonger-submit', 'hsmonger-pre-save', 'hsmonger-post-save'].filter(
    (name) => !existsSync(path.join(installation().executables, name)),
  );
  if (unbuilt.length > 0)
    throw new Error(`The tests run the built executables, and dist/ lacks ${unbuilt.join(', ')}: run 'npm run build'.`);
  ensureServiceUser();
}

function runs(program: string): boolean {
  const candidates = program.startsWith('/')
    ? [program]
    : (process.env['PATH'] ?? '').split(':').map((directory) => path.join(directory, program));
  return candidates.some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
