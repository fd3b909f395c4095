import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { runCli } from '../../src/cli/main.js';
import { createAuthority, type Authority, type AuthorityOptions } from '../rig/authority.js';
import { startBus, type PrivateBus } from '../rig/bus.js';
import { getcert, startCertmonger, type Certmonger } from '../rig/certmonger.js';
import { privateDirectory } from '../rig/directory.js';
import { createNssDatabase, type NssDatabase } from '../rig/nss-database.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';

/** What a command said and how it ended. */
export interface Said {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the CLI in this process, its output caught; nobody is there to ask. */
export async function hsmonger(...argv: string[]): Promise<Said> {
  let out = '';
  let err = '';
  const io = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    interactive: false,
    colour: false,
  };
  const exitCode = await runCli(argv, io, {});
  return { exitCode, out, err };
}

/** A CA on a token, its NSS database, and certmonger on a private bus: a machine before `setup`. */
export interface Site {
  readonly directory: string;
  readonly token: SoftToken;
  readonly authority: Authority;
  readonly nss: NssDatabase;
  readonly bus: PrivateBus;
  readonly certmonger: Certmonger;
  readonly config: string;
  readonly state: string;
  /** Flags that lead to this site. */
  readonly here: readonly string[];
  /** What `setup --yes` needs. */
  readonly setupFlags: readonly string[];
  getcertList(): Promise<string>;
  remove(): Promise<void>;
}

/** The module is not registered in the NSS database: that is setup's to do. */
export async function buildSite(options: AuthorityOptions = {}): Promise<Site> {
  const home = privateDirectory('hsmonger-cli');
  const directory = home.path;
  const owner = ensureServiceUser();
  const token = await createSoftToken({ directory, owner });
  const authority = await createAuthority(token, options);
  const nss = await createNssDatabase({ directory, owner });
  const bus = await startBus(directory);
  const certmonger = await startCertmonger({ directory, bus, token });
  const config = path.join(directory, 'etc');
  const state = path.join(directory, 'state');
  mkdirSync(config, { mode: 0o755 });
  const here = ['--bus', bus.address, '--config-dir', config, '--state-dir', state];
  return {
    directory,
    token,
    authority,
    nss,
    bus,
    certmonger,
    config,
    state,
    here,
    setupFlags: [
      ...here,
      '--yes',
      '--module',
      token.module,
      '--pin-file',
      token.pinFile,
      '--dbdir',
      nss.database,
      '--module-env',
      `SOFTHSM2_CONF=${token.confFile}`,
    ],
    getcertList: async () => (await getcert(bus, ['list'])).stdout,
    remove: async () => {
      await certmonger.stop();
      await bus.stop();
      home.remove();
    },
  };
}

/** Every file below, by relative path, with mode, owner and SHA-256: equal maps mean that nothing was changed. */
export function snapshot(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      // What every look leaves: a log, the memory of logins, and SoftHSM's own count of them.
      .filter((name) => !/certmonger\.log$|pins\.sqlite|token\.object$|generation$/u.test(name))
      .sort()
      .flatMap((name) => {
        const file = path.join(directory, name);
        const stats = statSync(file, { throwIfNoEntry: false });
        // certmonger writes beside a file and renames.
        const content = stats?.isFile() === true ? contentOf(file) : 'directory';
        return stats === undefined || content === undefined ? [] : [[name, `${stats.mode.toString(8)} ${String(stats.uid)} ${content}`]];
      }),
  );
}

function contentOf(file: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
