/**
 * A real Dogtag CA and KRA whose keys are on a SoftHSM2 token, named as on a FreeIPA server, in a chroot of the last Debian that carries
 * them. Built once and kept (dogtag/cache.ts); each start is a copy of its own in namespaces of its own. Its pkiuser is this machine's,
 * so that certmonger and hsmonger work on its files as they are. Needs root.
 */
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Account } from '../../src/platform/service-user.js';
import { approveRequest, certificateOf, submitRequest } from './dogtag/agent.js';
import { cachedRig, removeRoot, unpackRig } from './dogtag/cache.js';
import { startChroot, type Chroot } from './dogtag/chroot.js';
import type { Variant } from './dogtag/deploy.js';
import { tokenLabel, tokenPin } from './dogtag/pkispawn.js';
import {
  askOcsp,
  directoryServer,
  isRunning,
  places,
  selfTests,
  tomcat,
  untilRunning,
  type OcspAnswer,
  type Subsystem,
} from './dogtag/server.js';
import { runAs } from './run-as.js';
import { ensureServiceUser } from './service-user.js';
import { softHsmModule, type SoftToken } from './soft-token.js';

export interface Dogtag extends Omit<Chroot, 'stop'>, ReturnType<typeof places> {
  /** pkiuser. */
  readonly owner: Account;
  /** Tomcat's. */
  readonly unit: string;
  /** As this machine's programs reach it. */
  readonly token: SoftToken;
  /** The NSS database's own password, 0600, pkiuser's. */
  readonly passwordFile: string;
  untilRunning(subsystems?: readonly Subsystem[], patienceMs?: number): Promise<void>;
  isRunning(subsystem: Subsystem): Promise<boolean>;
  /** What the self-tests of the last start wrote: a line with FAILED where one did. */
  selfTests(subsystem: Subsystem): string;
  /** What `openssl ocsp` says the CA's responder answers for this PEM certificate; its signature verified. */
  ocsp(pem: string): Promise<OcspAnswer>;
  /** "type id" of every private key on the token, by pkcs11-tool, sorted. */
  privateKeys(): Promise<string[]>;
  /** PEM of every certificate under the nickname, by certutil, from the token or from the database's own. */
  certificates(nickname: string, storage?: 'token' | 'internal'): Promise<string[]>;
  /** Lets the time of every transient timer come whose name matches the shell's pattern; what it runs starts a moment later. */
  elapse(timers: string): Promise<void>;
  /** Trust flags by nickname, by certutil, on the token or in the database's own. */
  trust(storage: 'token' | 'internal'): Promise<Readonly<Record<string, string>>>;
  /** kill -9 of Tomcat, which nobody starts again; returns when it is gone: what asks for its start before that finds it running. */
  killServer(): Promise<void>;
  /** A request with no agent's name to it; its number. */
  submit(profile: string, csrPem: string): Promise<string>;
  /** An agent (the administrator) approves it; the certificate as PEM. */
  approve(requestId: string): Promise<string>;
  /** Ends everything and removes the files. */
  stop(): Promise<void>;
}

/**
 * Starts a rig; returns when CA and KRA say that they are running. About half a minute, and minutes where none of the kind was built
 * before.
 */
export async function startDogtag(variant: Variant = {}): Promise<Dogtag> {
  const owner = ensureServiceUser();
  const root = await unpackRig(await cachedRig(variant, owner));
  const chroot = await startChroot(root);
  const at = places(root);
  const token = hostToken(root, owner);
  const { passwordFile, loginFile } = writePasswords(root, owner);
  const asOwner = (program: string, ...args: string[]) =>
    runAs(owner, program, args, { env: { ...token.environment, RIG_PIN: token.pin }, cwd: '/', okExitCodes: [0, 255] });
  const dogtag: Dogtag = {
    ...chroot,
    ...at,
    owner,
    unit: tomcat,
    token,
    passwordFile,
    untilRunning: (subsystems = ['ca', 'kra'], patienceMs) => untilRunning(chroot, subsystems, patienceMs),
    isRunning: (subsystem) => isRunning(chroot, subsystem),
    selfTests: (subsystem) => selfTests(root, subsystem),
    ocsp: (pem) => askOcsp(chroot, pem),
    privateKeys: async () => {
      const { stdout } = await asOwner(
        'pkcs11-tool',
        '--module',
        token.module,
        '--token-label',
        token.label,
        '--login',
        '--pin',
        'env:RIG_PIN',
        '-O',
        '--type',
        'privkey',
      );
      return [...stdout.matchAll(/^Private Key Object; (\S+)[^\n]*\n(?:[ ]+(?!ID)[^\n]*\n)*[ ]+ID:[ ]+([0-9a-f]+)/gmu)]
        .map(([, type, id]) => `${type ?? ''} ${id ?? ''}`)
        .sort();
    },
    certificates: async (nickname, storage = 'token') => {
      const where = storage === 'token' ? ['-h', token.label, '-n', `${token.label}:${nickname}`] : ['-n', nickname];
      const { stdout } = await asOwner('certutil', '-L', '-d', `sql:${at.database}`, '-f', loginFile, '-a', ...where);
      return stdout.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
    },
    trust: async (storage) => {
      const { stdout } = await asOwner(
        'certutil',
        '-L',
        '-d',
        `sql:${at.database}`,
        '-f',
        loginFile,
        ...(storage === 'token' ? ['-h', token.label] : []),
      );
      return Object.fromEntries(
        [...stdout.matchAll(/^(?:[^\n]*:)?(\S.*?) +([CTPcpuw]*,[CTPcpuw]*,[CTPcpuw]*) *$/gmu)].map(([, nickname = '', flags = '']) => [
          nickname,
          flags,
        ]),
      );
    },
    elapse: async (timers) => {
      await chroot.inside('systemctl', ['elapse', `${timers}.timer`]);
    },
    killServer: async () => {
      await chroot.inside(
        'sh',
        ['-c', `pid=$(cat '/run/rig/${tomcat}.pid'); kill -9 "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done`],
        { timeoutMs: 60_000 },
      );
    },
    submit: (profile, csrPem) => submitRequest(chroot, profile, csrPem),
    approve: async (id) => certificateOf(chroot, await approveRequest(chroot, at.admin, id)),
    stop: async () => {
      await chroot.stop();
      removeRoot(root);
    },
  };
  try {
    for (const unit of [directoryServer, tomcat]) await chroot.inside('systemctl', ['start', unit], { timeoutMs: 120_000 });
    await dogtag.untilRunning();
  } catch (error) {
    await dogtag.stop();
    throw error;
  }
  return dogtag;
}

/** The chroot's token, with a configuration file for this machine's programs. */
function hostToken(root: string, owner: Account): SoftToken {
  const confFile = path.join(root, 'srv/softhsm2.conf');
  const tokenDirectory = places(root).tokens;
  writeFileSync(
    confFile,
    `directories.tokendir = ${tokenDirectory}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n`,
  );
  return {
    label: tokenLabel,
    module: softHsmModule,
    confFile,
    tokenDirectory,
    pinFile: ownFile(root, 'token.pin', `${tokenPin}\n`, owner),
    pin: tokenPin,
    soPin: tokenPin,
    environment: { SOFTHSM2_CONF: confFile },
    owner,
  };
}

/** pkispawn makes the database a password of its own and notes it in password.conf. */
function writePasswords(root: string, owner: Account): { readonly passwordFile: string; readonly loginFile: string } {
  const internal = /^internal=(.*)$/mu.exec(readFileSync(path.join(places(root).instance, 'password.conf'), 'utf8'))?.[1] ?? '';
  return {
    passwordFile: ownFile(root, 'internal.password', `${internal}\n`, owner),
    loginFile: ownFile(root, 'logins', `${tokenLabel}:${tokenPin}\nNSS Certificate DB:${internal}\n`, owner),
  };
}

function ownFile(root: string, name: string, text: string, owner: Account): string {
  const file = path.join(root, 'srv', name);
  writeFileSync(file, text, { mode: 0o600 });
  chownSync(file, owner.uid, owner.gid);
  return file;
}
