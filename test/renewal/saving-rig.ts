import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Instance } from '../../src/config/instance.js';
import { prepareState } from '../../src/config/prepare-state.js';
import { createAuthority, dogtagCertificates, type Authority, type CertificateSpec } from '../rig/authority.js';
import { privateDirectory } from '../rig/directory.js';
import { createNssDatabase, dogtagTrust, type NssDatabase } from '../rig/nss-database.js';
import { runAs } from '../rig/run-as.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { runWorker } from '../rig/worker.js';
import type { SavingAnswer, SavingOrder } from './saving-worker.js';

export const ca = 'caSigningCert cert-pki-ca';
export const audit = 'auditSigningCert cert-pki-ca';
export const subsystem = 'subsystemCert cert-pki-ca';

/** A CA on a token with its NSS database, as certmonger leaves it; work on it as the service user. */
export interface SavingRig {
  readonly directory: string;
  readonly stateDirectory: string;
  readonly token: SoftToken;
  readonly nss: NssDatabase;
  readonly instance: Instance;
  readonly old: Authority;
  /** Stores a renewed certificate of the nickname beside the old one, as certmonger 0.79.17 does. */
  renew(nickname: string, change?: Partial<CertificateSpec>): Promise<Buffer>;
  /** Stores a certificate object on the token with this CKA_ID, hexadecimal. */
  store(nickname: string, der: Buffer, keyId: string): Promise<void>;
  /** A copy in the internal database with no trust, as certmonger makes one. */
  copyToDatabase(nickname: string, der: Buffer): Promise<void>;
  act(order: Pick<SavingOrder, 'action' | 'nickname' | 'die' | 'serverRuns'>, change?: Partial<Instance>): Promise<SavingAnswer>;
  /** What the tools of the trade say, for comparing. */
  nssutils(program: string, ...args: string[]): Promise<string>;
  /** `certutil -L -h TOKEN` and `certutil -L`: lines of nickname and trust. */
  listed(): Promise<{ readonly token: string[]; readonly internal: string[] }>;
  /** pkcs11-tool's view of one kind of object: CKA_IDs, sorted. */
  objects(type: 'privkey' | 'cert'): Promise<string[]>;
  remove(): void;
}

export async function savingRig(options: { readonly password?: string; readonly fips?: boolean } = {}): Promise<SavingRig> {
  const owner = ensureServiceUser();
  const directory = privateDirectory('saving');
  const token = await createSoftToken({ directory: directory.path, owner });
  const old = await createAuthority(token);
  const nss = await createNssDatabase({
    directory: directory.path,
    token,
    trust: dogtagTrust,
    ...(options.password === undefined ? {} : { password: options.password }),
  });
  const state = path.join(directory.path, 'state');
  const stateDirectory = path.join(state, 'hsmonger');
  prepareState({ config: '/nonexistent', state }, { name: 'hsmonger', user: owner.name }, owner);
  const instance: Instance = {
    name: 'hsmonger',
    file: '/etc/hsmonger/hsmonger.toml',
    user: owner.name,
    drop: 'setuid',
    token: {
      selector: { by: 'label', label: token.label },
      module: token.module,
      environment: token.environment,
      pin: { from: 'file', path: token.pinFile },
    },
    nss: { database: nss.database, ...(nss.passwordFile === undefined ? {} : { passwordFile: nss.passwordFile }) },
    issuer: { type: 'token', certificate: ca, lifetimeDays: {}, backdateSeconds: 60, digest: 'sha256' },
    saving: { guardMinutes: 15 },
    helper: { deadlineSeconds: 120 },
    agent: { probeSeconds: 60, signMinutes: 60, spreadDays: 7, reconcile: 'apply' },
    certificates: dogtagCertificates.map(({ nickname, profile }) => ({ nickname, profile, storage: { kind: 'token' } })),
  };
  const nssutils = async (program: string, ...args: string[]) =>
    (await runAs(owner, program, args, { env: token.environment, cwd: '/' })).stdout;
  const database = `sql:${nss.database}`;
  if (options.fips === true) {
    await nssutils('modutil', '-dbdir', database, '-fips', 'true', '-force');
    writeFileSync(nss.loginFile, readFileSync(nss.loginFile, 'utf8').replace('NSS Certificate DB:', 'NSS FIPS 140-2 Certificate DB:'));
  }
  return {
    directory: directory.path,
    stateDirectory,
    token,
    nss,
    instance,
    old,
    nssutils,
    async renew(nickname, change = {}) {
      const spec = dogtagCertificates.find((one) => one.nickname === nickname);
      if (spec === undefined) throw new Error(`No certificate '${nickname}'.`);
      const issuer = nickname === ca ? {} : { issuer: ca };
      return (
        await createAuthority(token, { certificates: [{ ...spec, ...issuer, keyOf: nickname, daysLeft: 700, ageDays: 0, ...change }] })
      ).certificate(nickname).der;
    },
    async store(nickname, der, keyId) {
      const file = path.join(directory.path, 'object.der');
      writeFileSync(file, der);
      await nssutils(
        'pkcs11-tool',
        '--module',
        token.module,
        '--token-label',
        token.label,
        '--login',
        '--pin',
        token.pin,
        '-w',
        file,
        '--type',
        'cert',
        '--id',
        keyId,
        '--label',
        nickname,
      );
    },
    async copyToDatabase(nickname, der) {
      const file = path.join(directory.path, 'copy.der');
      writeFileSync(file, der);
      await nssutils('certutil', '-A', '-d', database, '-n', nickname, '-t', ',,', '-i', file, '-f', nss.loginFile);
    },
    act: async (order, change = {}) =>
      (await runWorker('../renewal/saving-worker.ts', owner, {
        ...order,
        instance: { ...instance, ...change },
        stateDir: state,
      } satisfies SavingOrder)) as SavingAnswer,
    async listed() {
      const lines = (text: string) =>
        text
          .split('\n')
          .filter((line) => /,[pPcCTu]*,[pPcCTu]* *$/u.test(line))
          .map((line) => line.replace(/ {2,}/gu, ' ').trim())
          .sort();
      return {
        token: lines(await nssutils('certutil', '-L', '-d', database, '-h', token.label, '-f', nss.loginFile)),
        internal: lines(await nssutils('certutil', '-L', '-d', database)),
      };
    },
    async objects(type) {
      const text = await nssutils(
        'pkcs11-tool',
        '--module',
        token.module,
        '--token-label',
        token.label,
        '--login',
        '--pin',
        token.pin,
        '-O',
        '--type',
        type,
      );
      return [...text.matchAll(/ID: +([0-9a-f]+)/gu)].map((match) => match[1] ?? '').sort();
    },
    remove: () => {
      directory.remove();
    },
  };
}
