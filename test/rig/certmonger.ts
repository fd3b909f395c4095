import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, type RunResult } from '../../src/platform/run.js';
import type { PrivateBus } from './bus.js';
import { release, stopAtExit, stopProcess, tied } from './processes.js';
import type { SoftToken } from './soft-token.js';

const program = '/usr/lib/certmonger/certmonger-session';
const certmongerName = 'org.fedorahosted.certmonger';

export interface Certmonger {
  readonly pid: number;
  /** HOME of the daemon and of everything it runs. */
  readonly home: string;
  /** Request files, one per request. */
  readonly requestsDirectory: string;
  readonly casDirectory: string;
  /** Ends it with SIGTERM. */
  stop(): Promise<void>;
  /** Sends any signal and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again over the same state, stopping it first where it runs. */
  restart(): Promise<void>;
  /** All it wrote so far, its helpers' stderr too. */
  log(): string;
}

export interface CertmongerOptions {
  readonly directory: string;
  readonly bus: Pick<PrivateBus, 'address'>;
  /** Its configuration is put where certmonger's children look for it: HOME is all they have. */
  readonly token?: SoftToken;
  /** certmonger.conf. */
  readonly conf?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Seconds until it must own its name: it reads every request first. Default 30. */
  readonly patience?: number;
  /** Goes on when this process ends. */
  readonly outlives?: boolean;
  /** The command line that runs a program where the daemon and all it runs shall be, with the pid that was spawned; default here. */
  readonly command?: (program: string, args: readonly string[]) => readonly [string, readonly string[]];
}

/** Starts the real daemon, as ourselves, on a private bus with private state; returns when it owns its name. */
export async function startCertmonger(options: CertmongerOptions): Promise<Certmonger> {
  const home = path.join(options.directory, 'home');
  const state = (name: string) => {
    const directory = path.join(options.directory, 'certmonger', name);
    mkdirSync(directory, { recursive: true });
    return directory;
  };
  const logFile = path.join(options.directory, 'certmonger.log');
  const config = state('config');
  const requestsDirectory = state('requests');
  const casDirectory = state('cas');
  mkdirSync(home, { recursive: true });
  if (options.token !== undefined) giveToken(home, options.token);
  if (options.conf !== undefined) writeFileSync(path.join(config, 'certmonger.conf'), options.conf);
  const env = {
    PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
    LC_ALL: 'C',
    HOME: home,
    DBUS_SESSION_BUS_ADDRESS: options.bus.address,
    CERTMONGER_CONFIG_DIR: config,
    CERTMONGER_REQUESTS_DIR: requestsDirectory,
    CERTMONGER_CAS_DIR: casDirectory,
    CERTMONGER_LOCAL_CA_DIR: state('local'),
    CERTMONGER_TMPDIR: state('tmp'),
    ...options.env,
  };
  const start = async () => {
    const log = openSync(logFile, 'a');
    // -B: without it the session daemon leaves after 300 s with nothing tracked.
    const daemon = ['-s', '-B', '-n', '-d', '2'];
    const there = options.command?.(program, daemon) ?? ([program, daemon] as const);
    const [file, args] = options.outlives === true ? there : tied(...there);
    const child = spawn(file, args, { env, cwd: '/', stdio: ['ignore', log, log], detached: options.outlives ?? false });
    closeSync(log);
    if (options.outlives === true) release(child);
    else stopAtExit(child);
    await nameOwned(options.bus.address, child, logFile, options.patience ?? 30);
    return child;
  };
  let child = await start();
  return {
    get pid() {
      return child.pid!;
    },
    home,
    requestsDirectory,
    casDirectory,
    stop: () => stopProcess(child, 'SIGTERM'),
    kill: (signal) => stopProcess(child, signal),
    restart: async () => {
      await stopProcess(child, 'SIGTERM');
      child = await start();
    },
    log: () => readFileSync(logFile, 'utf8'),
  };
}

/**
 * The real getcert against the daemon on this bus: `getcert(bus, ['list', '-i', id])`. Fails unless it exits 0 or as `okExitCodes` says.
 */
export async function getcert(
  bus: Pick<PrivateBus, 'address'>,
  [verb = 'list', ...args]: readonly string[],
  okExitCodes: readonly number[] = [0],
): Promise<RunResult> {
  return run('getcert', [verb, '-s', ...args], {
    env: { LC_ALL: 'C', DBUS_SESSION_BUS_ADDRESS: bus.address },
    okExitCodes,
    timeoutMs: 300_000,
  });
}

/** getcert's records by request id, each a map of its lines. */
export async function getcertRecords(bus: Pick<PrivateBus, 'address'>): Promise<Map<string, Map<string, string>>> {
  const { stdout } = await getcert(bus, ['list']);
  const records = new Map<string, Map<string, string>>();
  for (const chunk of stdout.split(/^Request ID '/mu).slice(1)) {
    const [head = '', ...lines] = chunk.split('\n');
    const fields = lines.flatMap((line) => {
      const field = /^\t([^:]+): ?(.*)$/u.exec(line);
      return field === null ? [] : [[field[1] ?? '', field[2] ?? ''] as const];
    });
    records.set(head.replace(/':$/u, ''), new Map(fields));
  }
  return records;
}

/**
 * Whether certmonger found no token for a request that it knows, and waits for somebody to ask again: SoftHSM's file is empty for a moment
 * at every login, of a hook or a timer too, and who looks then sees none.
 */
export const tokenWasAway = (status: string | undefined): boolean =>
  status === 'NEED_CSR_GEN_TOKEN' || status === 'NEED_KEYINFO_READ_TOKEN' || status === 'NEED_CERTSAVE_TOKEN';

/** Asks again where the token was away: what an agent does by itself. */
export async function askAgain(bus: Pick<PrivateBus, 'address'>): Promise<void> {
  for (const [id, record] of await getcertRecords(bus))
    if (tokenWasAway(record.get('status'))) await getcert(bus, ['resubmit', '-i', id], [0, 1]);
}

function giveToken(home: string, token: SoftToken): void {
  const directory = path.join(home, '.config', 'softhsm2');
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, 'softhsm2.conf');
  if (!existsSync(file)) cpSync(token.confFile, file);
}

async function nameOwned(address: string, child: ChildProcess, logFile: string, patience: number): Promise<void> {
  for (const end = Date.now() + patience * 1000; Date.now() < end; await sleep(20)) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    const query = [
      '--print-reply=literal',
      '--dest=org.freedesktop.DBus',
      '/org/freedesktop/DBus',
      'org.freedesktop.DBus.NameHasOwner',
      `string:${certmongerName}`,
    ];
    const { stdout } = await run('dbus-send', [`--bus=${address}`, ...query]);
    if (stdout.includes('true')) return;
  }
  child.kill('SIGKILL');
  throw new Error(
    `certmonger did not take its name on the bus within ${String(patience)} s: ${readFileSync(logFile, 'utf8').slice(-2000)}`,
  );
}
