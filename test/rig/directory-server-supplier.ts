import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { schemaLdif } from './directory-server-schema.js';
import { stopAtExit, stopProcess } from './processes.js';

export interface SupplierOptions {
  /** The rig's directory; closed to nobody. */
  readonly directory: string;
  /** Unique on this machine: 389-ds names a semaphore after it. */
  readonly name: string;
  readonly host: string;
  readonly base: string;
  readonly port: number;
  readonly securePort: number;
  /** Where it listens; every address when absent. */
  readonly listen?: string;
  /** In front of the server's command line. */
  readonly inside: readonly string[];
  /** Over the server's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** PKCS#12 without a password and PEM of what signed it. */
  readonly identity: { readonly p12: string; readonly ca: string };
}

/** One ns-slapd, as dscreate would lay it out but in a directory of its own. */
export interface SupplierProcess {
  readonly socket: string;
  readonly ldapi: string;
  readonly pid: () => number | undefined;
  start(): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP; done when every thread of it stands still. */
  pause(): Promise<void>;
  resume(): void;
  /** OpenLDAP's tools as root, which is the Directory Manager. */
  readonly search: (...args: string[]) => Promise<string>;
  readonly change: (ldif: string) => Promise<void>;
  stop(): Promise<void>;
}

const account = 'dirsrv';
const logLevel = '266354688';

export async function createSupplier(options: SupplierOptions): Promise<SupplierProcess> {
  const { directory, name, inside } = options;
  const home = path.join(directory, name);
  const config = path.join(home, `slapd-${path.basename(directory)}-${name}`);
  const socket = path.join(directory, `${name}.socket`);
  const ldapi = `ldapi://${encodeURIComponent(socket)}`;
  await layOut(options, home, config, socket);
  let child: ChildProcess | undefined;

  const tool = (program: string, args: readonly string[], input?: string) =>
    execa(program, ['-Q', '-Y', 'EXTERNAL', '-H', ldapi, '-o', 'nettimeout=10', ...args], {
      timeout: 60_000,
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    });
  const supplier: SupplierProcess = {
    socket,
    ldapi,
    pid: () => (child?.exitCode === null && child.signalCode === null ? child.pid : undefined),
    start: async () => {
      if (supplier.pid() !== undefined) return;
      rmSync(socket, { force: true });
      const log = openSync(path.join(home, 'log', 'stdout'), 'a');
      // -d keeps it in the foreground; with level 0 it would die without a word.
      const server = ['/usr/sbin/ns-slapd', '-D', config, '-i', path.join(home, 'run', 'slapd.pid'), '-d', logLevel] as const;
      const started = spawn('env', [...inside, ...server], {
        stdio: ['ignore', log, log],
        cwd: '/',
        env: { ...process.env, ...options.environment },
      });
      closeSync(log);
      stopAtExit(started);
      child = started;
      for (let left = 1200; ; left--) {
        const answered = await tool('ldapsearch', ['-LLL', '-s', 'base', '-b', '', '1.1']).then(
          () => true,
          () => false,
        );
        if (answered) return;
        if (left === 0 || started.exitCode !== null)
          throw new Error(`ns-slapd ${name} does not answer:\n${readFileSync(path.join(home, 'log', 'stdout'), 'utf8').slice(-2000)}`);
        await sleep(50);
      }
    },
    kill: async (signal = 'SIGKILL') => {
      if (child === undefined || supplier.pid() === undefined) return;
      const ended = once(child, 'exit');
      child.kill('SIGCONT');
      child.kill(signal);
      await ended;
    },
    pause: async () => {
      child?.kill('SIGSTOP');
      const tasks = `/proc/${String(child?.pid)}/task`;
      while (!readdirSync(tasks).every((task) => standsStill(path.join(tasks, task, 'stat')))) await sleep(5);
    },
    resume: () => void child?.kill('SIGCONT'),
    search: async (...args) => (await tool('ldapsearch', ['-LLL', '-o', 'ldif-wrap=no', ...args])).stdout,
    change: async (ldif) => {
      await tool('ldapmodify', [], ldif);
    },
    stop: async () => {
      if (child !== undefined) {
        child.kill('SIGCONT');
        // Nothing is kept, so no orderly stop, which takes seconds.
        await stopProcess(child, 'SIGKILL');
      }
      rmSync(`/dev/shm/sem.${path.basename(config)}.stats`, { force: true });
    },
  };
  return supplier;
}

/** A thread that has ended since it was listed does. */
function standsStill(stat: string): boolean {
  try {
    return /\) [TtZX] /u.test(readFileSync(stat, 'utf8'));
  } catch (error) {
    if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return true;
  }
}

async function layOut(
  { directory, host, base, port, securePort, listen, identity }: SupplierOptions,
  home: string,
  config: string,
  socket: string,
): Promise<void> {
  mkdirSync(path.join(config, 'schema'), { recursive: true });
  for (const part of ['db', 'log', 'run', 'lock', 'bak', 'ldif', 'tmp']) mkdirSync(path.join(home, part));
  copyFileSync('/etc/dirsrv/schema/99user.ldif', path.join(config, 'schema', '99user.ldif'));
  writeFileSync(path.join(config, 'schema', '98renewal.ldif'), schemaLdif());
  for (const file of ['slapd-collations.conf', 'certmap.conf']) copyFileSync(`/etc/dirsrv/config/${file}`, path.join(config, file));
  const nss = `sql:${config}`;
  await execa('certutil', ['-N', '-d', nss, '--empty-password']);
  await execa('certutil', ['-A', '-d', nss, '-n', 'CA', '-t', 'CT,,', '-i', identity.ca]);
  await execa('pk12util', ['-d', nss, '-i', identity.p12, '-W', 'x', '-K', '']);
  const { stdout: hash } = await execa('pwdhash', ['-s', 'SSHA512', `unused ${path.basename(directory)}`], {
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' },
  });
  const words: Readonly<Record<string, string>> = {
    // The server reads CONFIGDIR/schema whatever this says.
    schema_dir: path.join(config, 'schema'),
    lock_dir: path.join(home, 'lock'),
    tmp_dir: path.join(home, 'tmp'),
    cert_dir: config,
    ldif_dir: path.join(home, 'ldif'),
    bak_dir: path.join(home, 'bak'),
    run_dir: path.join(home, 'run'),
    inst_dir: home,
    log_dir: path.join(home, 'log'),
    fqdn: host,
    ds_port: String(port),
    ds_user: account,
    rootdn: 'cn=Directory Manager',
    ds_passwd: hash,
    ldapi_enabled: 'on',
    ldapi: socket,
    ldapi_autobind: 'on',
    ds_suffix: base,
    config_dir: config,
    db_dir: path.join(home, 'db'),
    db_home_dir: path.join(home, 'db'),
    db_lib: 'bdb',
  };
  const more = [
    'nsslapd-security: on',
    `nsslapd-secureport: ${String(securePort)}`,
    'nsslapd-ldapimaptoentries: on',
    'nsslapd-ldapientrysearchbase: cn=auto_bind,cn=config',
    'nsslapd-ldapidnmappingbase: cn=auto_bind,cn=config',
    ...(listen === undefined ? [] : [`nsslapd-listenhost: ${listen}`, `nsslapd-securelistenhost: ${listen}`]),
  ];
  const dse = readFileSync('/usr/share/dirsrv/data/template-dse.ldif', 'utf8')
    .replace(/%(\w+)%/gu, (whole, word: string) => words[word] ?? whole)
    .replace(/^nsslapd-localuser:.*$/mu, (line) => [line, ...more].join('\n'))
    // Small, fixed caches: by itself it takes a share of the machine.
    .replace(/^nsslapd-subtree-rename-switch:.*$/mu, (line) => `${line}\nnsslapd-cache-autosize: 0\nnsslapd-dbcachesize: 8388608`);
  writeFileSync(path.join(config, 'dse.ldif'), dse);
  await execa('chown', ['-R', `${account}:`, home]);
  await execa('chmod', ['-R', 'o-rwx', home]);
}
