import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostName, type Chroot } from './chroot.js';

export const tomcat = 'pki-tomcatd@pki-tomcat';
export const directoryServer = 'dirsrv@pki';
export const url = `https://${hostName}:8443`;
export type Subsystem = 'ca' | 'kra';

/** Paths in the chroot, as this machine sees them. */
export const places = (root: string) =>
  ({
    /** Holds CS.cfg of each subsystem, as [pki] directory wants it. */
    instance: path.join(root, 'etc/pki/pki-tomcat'),
    database: path.join(root, 'etc/pki/pki-tomcat/alias'),
    tokens: path.join(root, 'var/lib/pki-tokens'),
    caFile: path.join(root, 'srv/pem/ca.crt'),
    /** caadmin, an agent of the CA. */
    admin: { certificate: path.join(root, 'srv/pem/admin.crt'), key: path.join(root, 'srv/pem/admin.key') },
    /** FreeIPA's registration authority, an agent of the CA too. */
    agent: { certificate: path.join(root, 'srv/pem/ra-agent.pem'), key: path.join(root, 'srv/pem/ra-agent.key') },
    /** ldapi socket; root is the Directory Manager there. */
    ldapi: path.join(root, 'run/slapd-pki.socket'),
  }) as const;

/** Whether the subsystem says that it is running. */
export async function isRunning({ root, enter }: Pick<Chroot, 'root' | 'enter'>, subsystem: Subsystem): Promise<boolean> {
  const { stdout } = await enter(
    'curl',
    ['--silent', '--fail', '--max-time', '10', '--cacert', places(root).caFile, `${url}/${subsystem}/admin/${subsystem}/getStatus`],
    { okExitCodes: answers },
  );
  return /\brunning\b/u.test(stdout);
}

/** Whatever curl(1) may say of a server that is not there yet, or not any more. */
const answers = [0, 7, 22, 28, 35, 52, 56, 60];

export async function untilRunning(
  chroot: Pick<Chroot, 'root' | 'enter'>,
  subsystems: readonly Subsystem[],
  patienceMs = 120_000,
): Promise<void> {
  const end = Date.now() + patienceMs;
  for (const subsystem of subsystems) {
    for (; !(await isRunning(chroot, subsystem)); await sleep(250)) {
      if (Date.now() > end)
        throw new Error(
          `The rig's ${subsystem.toUpperCase()} is not running after ${String(patienceMs / 1000)} s.\n${selfTests(chroot.root, subsystem)}\n${logEnd(chroot.root)}`,
        );
    }
  }
}

/** What the self-tests of the last start wrote. */
export function selfTests(root: string, subsystem: Subsystem): string {
  return (
    readFileSync(path.join(root, `var/log/pki/pki-tomcat/${subsystem}/selftests.log`), 'utf8')
      .split(/^(?=.*Initializing self test plugins)/mu)
      .at(-1) ?? ''
  );
}

function logEnd(root: string): string {
  return readFileSync(path.join(root, 'var/log/rig-tomcat.log'), 'utf8').slice(-3000);
}

/** openssl ocsp's word for one certificate. */
export type OcspAnswer = 'good' | 'revoked' | 'unknown' | 'no answer';

/** Asks the CA's responder with `openssl ocsp`, which must find the answer's signature good. */
export async function askOcsp({ root, enter }: Pick<Chroot, 'root' | 'enter'>, pem: string): Promise<OcspAnswer> {
  const { caFile } = places(root);
  const certificate = path.join(root, 'run/asked.pem');
  writeFileSync(certificate, pem);
  const { stdout, stderr } = await enter(
    'openssl',
    ['ocsp', '-issuer', caFile, '-CAfile', caFile, '-cert', certificate, '-url', `http://${hostName}:8080/ca/ocsp`, '-timeout', '20'],
    { okExitCodes: [0, 1] },
  );
  if (!stderr.includes('Response verify OK')) return 'no answer';
  return (/: (good|revoked|unknown)$/mu.exec(stdout)?.[1] as OcspAnswer | undefined) ?? 'no answer';
}
