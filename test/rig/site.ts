import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { installation } from '../../src/platform/installation.js';
import type { Account } from '../../src/platform/service-user.js';
import { createAuthority, type Authority, type AuthorityOptions } from './authority.js';
import { startBus, type PrivateBus } from './bus.js';
import { askAgain, getcert, getcertRecords, startCertmonger, type Certmonger, type CertmongerOptions } from './certmonger.js';
import { privateDirectory } from './directory.js';
import { processes } from './prey.js';
import { createNssDatabase, dogtagTrust, type NssDatabase } from './nss-database.js';
import { runAs } from './run-as.js';
import { ensureServiceUser } from './service-user.js';
import { createSoftToken, type SoftToken } from './soft-token.js';

/** A whole host in one directory: token with a CA on it, NSS database, bus, certmonger; and the built CLI pointed at it. */
export interface Site {
  readonly directory: string;
  readonly owner: Account;
  readonly token: SoftToken;
  readonly authority: Authority;
  readonly nss: NssDatabase;
  readonly bus: PrivateBus;
  readonly certmonger: Certmonger;
  /** The instance's ledger file. */
  readonly ledger: string;
  readonly configDir: string;
  /** The instance file `setUp` writes. */
  readonly instanceFile: string;
  readonly stateDir: string;
  /** dist/hsmonger with this site's flags. */
  cli(...args: string[]): Promise<{ readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string }>;
  /** `hsmonger setup --yes` for the authority's certificates; fails the test with its words when it does not end with 0. */
  setUp(...extra: string[]): Promise<void>;
  /** getcert's records by request id, each a map of its lines. */
  getcertRecords(): Promise<Map<string, Map<string, string>>>;
  /** PEM of every certificate under the nickname, by certutil from the token. */
  onToken(nickname: string): Promise<string[]>;
  /** Trust flags by nickname, by certutil from the token. */
  tokenTrust(): Promise<Record<string, string>>;
  /** "type label id" of every private key, by pkcs11-tool, sorted. */
  privateKeys(): Promise<string[]>;
  /**
   * Until certmonger has a later certificate for each the authority made; throws after `patienceMs`, with what getcert and certmonger say.
   */
  untilRenewed(patienceMs: number): Promise<void>;
  /** Until every request is MONITORING: certmonger's post-save commands have ended then. */
  untilQuiet(patienceMs: number): Promise<void>;
  stop(): Promise<void>;
}

export interface SiteOptions {
  readonly authority?: AuthorityOptions;
  /** certmonger.conf. */
  readonly conf?: string;
  /** The internal NSS database's own password. */
  readonly nssPassword?: string;
  /** Another host, whose token and authority this one shares; it must be stopped last. */
  readonly beside?: Pick<Site, 'token' | 'authority'>;
  /** What certmonger is run by, and more for its environment. */
  readonly certmonger?: Pick<CertmongerOptions, 'command' | 'env'>;
  /** What the CLI is run by. */
  readonly command?: CertmongerOptions['command'];
  /** A host without an HSM: neither its NSS database nor its certmonger knows the token. */
  readonly withoutHsm?: boolean;
  /** Directory of the executables; default the build's. */
  readonly executables?: string;
  /** Seconds certmonger may take to its name, and a command of the CLI to its end: both grow with the requests. Default 30 and 180. */
  readonly patience?: number;
}

export async function startSite(options: SiteOptions = {}): Promise<Site> {
  const scratch = privateDirectory('site');
  const directory = scratch.path;
  const owner = ensureServiceUser();
  const token = options.beside?.token ?? (await createSoftToken({ directory, owner }));
  const authority = options.beside?.authority ?? (await createAuthority(token, options.authority));
  const ofToken = options.withoutHsm === true ? {} : { token };
  const nss = await createNssDatabase({
    directory,
    owner,
    ...ofToken,
    trust: Object.fromEntries(
      Object.entries(dogtagTrust).filter(([nickname]) => authority.certificates.some((one) => one.nickname === nickname)),
    ),
    ...(options.nssPassword === undefined ? {} : { password: options.nssPassword }),
  });
  const bus = await startBus(directory);
  const certmonger = await startCertmonger({
    directory,
    bus,
    ...ofToken,
    ...options.certmonger,
    ...(options.conf === undefined ? {} : { conf: options.conf }),
    ...(options.patience === undefined ? {} : { patience: options.patience }),
  });
  const configDir = path.join(directory, 'etc');
  const stateDir = path.join(directory, 'state');

  const cli: Site['cli'] = async (...args) => {
    const flags = ['--bus', bus.address, '--config-dir', configDir, '--state-dir', stateDir];
    const whole = [path.join(options.executables ?? installation().executables, 'hsmonger'), [...flags, ...args]] as const;
    const { exitCode, stdout, stderr } = await execa(...(options.command?.(...whole) ?? whole), {
      reject: false,
      stdin: 'ignore',
      timeout: (options.patience ?? 180) * 1000,
      extendEnv: false,
      env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' },
    });
    return { exitCode, stdout, stderr };
  };
  const certutil = async (...args: string[]) =>
    (
      await runAs(owner, 'certutil', ['-L', '-d', `sql:${nss.database}`, '-h', token.label, '-f', nss.loginFile, ...args], {
        env: token.environment,
        cwd: '/',
        okExitCodes: [0, 255],
      })
    ).stdout;
  const onToken: Site['onToken'] = async (nickname) =>
    (await certutil('-n', `${token.label}:${nickname}`, '-a')).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];

  const hasAgent = () => processes().some(({ command }) => command.includes('agent') && command.includes(configDir));
  const until = async (what: string, patienceMs: number, holds: () => Promise<boolean>) => {
    for (const end = Date.now() + patienceMs; !(await holds()); await sleep(300)) {
      if (!hasAgent()) await askAgain(bus);
      if (Date.now() < end) continue;
      throw new Error(
        `Not ${what} within ${String(patienceMs / 1000)} s.\n${(await getcert(bus, ['list'])).stdout}\n${(await cli('status')).stdout}\n${certmonger.log().slice(-6000)}`,
      );
    }
  };

  /** Has those asked again, or let go that have yet to be taken up; whether there were any. */
  const withoutToken = async (): Promise<boolean> => {
    const stuck = [...(await getcertRecords(bus))].filter(([, record]) => record.get('status')?.endsWith('_TOKEN') === true);
    for (const [id, record] of stuck)
      if (record.get('status')?.startsWith('NEWLY_ADDED') === true) await getcert(bus, ['stop-tracking', '-i', id]);
    await askAgain(bus);
    return stuck.length > 0;
  };

  return {
    directory,
    owner,
    token,
    authority,
    nss,
    bus,
    certmonger,
    ledger: path.join(stateDir, 'hsmonger', 'ledger.sqlite'),
    configDir,
    instanceFile: path.join(configDir, 'hsmonger.toml'),
    stateDir,
    cli,
    setUp: async (...extra) => {
      const certificates = authority.certificates.flatMap(({ nickname, profile }) => ['--certificate', `${nickname}=${profile}`]);
      const issuer = authority.certificates.find(({ profile }) => profile === 'caCACert')?.nickname ?? '';
      const command = [
        'setup',
        '--yes',
        '--token',
        token.label,
        '--module',
        token.module,
        '--module-env',
        `SOFTHSM2_CONF=${token.confFile}`,
        '--pin-file',
        token.pinFile,
        '--dbdir',
        nss.database,
        '--user',
        owner.name,
        '--issuer',
        'token',
        '--issuer-certificate',
        issuer,
        ...certificates,
        ...(nss.passwordFile === undefined ? [] : ['--nss-password-file', nss.passwordFile]),
        ...extra,
      ];
      let run = await cli(...command);
      // While one request's hook logs in, certmonger's child for the next sees no token: what is stuck for that is asked again.
      for (let left = 3; run.exitCode === 3 && left > 0 && (await withoutToken()); left--) run = await cli(...command);
      if (run.exitCode !== 0)
        throw new Error(`setup ended with ${String(run.exitCode)}:\n${run.stdout}\n${run.stderr}\n${certmonger.log().slice(-4000)}`);
    },
    getcertRecords: () => getcertRecords(bus),
    onToken,
    tokenTrust: async () => {
      const rows = (await certutil()).split('\n').flatMap((line) => {
        const row = /^(.+?)\s+([CTPcpuw]*,[CTPcpuw]*,[CTPcpuw]*)\s*$/u.exec(line);
        return row === null ? [] : [[(row[1] ?? '').replace(`${token.label}:`, ''), row[2] ?? ''] as const];
      });
      return Object.fromEntries(rows);
    },
    privateKeys: async () => {
      const { stdout } = await runAs(
        owner,
        'pkcs11-tool',
        ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:RIG_PIN', '-O', '--type', 'privkey'],
        { env: { ...token.environment, RIG_PIN: token.pin }, cwd: '/' },
      );
      return [...stdout.matchAll(/^Private Key Object; (\S+)[^\n]*\n(?:[ ]+(?!ID)[^\n]*\n)*[ ]+ID:[ ]+([0-9a-f]+)/gmu)]
        .map(([, type, id]) => `${type ?? ''} ${id ?? ''}`)
        .sort();
    },
    untilRenewed: (patienceMs) =>
      until('all renewed', patienceMs, async () => {
        const records = [...(await getcertRecords(bus)).values()];
        // Asked of certmonger, not of the token: a look through certutil logs in, and SoftHSM rewrites the token's file at every login.
        return authority.certificates.every(({ nickname, pem }) => {
          const expires = records.find((record) => record.get('certificate')?.includes(`nickname='${nickname}'`))?.get('expires');
          return expires !== undefined && Date.parse(expires) > Date.parse(new X509Certificate(pem).validTo);
        });
      }),
    untilQuiet: (patienceMs) =>
      until('quiet', patienceMs, async () =>
        [...(await getcertRecords(bus)).values()].every((record) => record.get('status') === 'MONITORING'),
      ),
    stop: async () => {
      await certmonger.stop();
      await bus.stop();
      scratch.remove();
    },
  };
}
