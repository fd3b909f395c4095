import { spawnSync } from 'node:child_process';
import type { Account } from '../../src/platform/service-user.js';

/**
 * The environment certmonger gives its helpers (subproc.c:137-190). Nothing of ours gets in: NODE_EXTRA_CA_CERTS alone makes every
 * start of node slower.
 */
const certmongerEnvironment: Readonly<Record<string, string>> = {
  HOME: '/run/certmonger',
  PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
  SHELL: '/bin/sh',
  TERM: 'dumb',
  LC_CTYPE: 'C.UTF-8',
  TMPDIR: '/tmp',
  CERTMONGER_LOCAL_CA_DIR: '/var/lib/certmonger/local',
};

export interface ProgramOptions {
  /** Over certmonger's. */
  readonly env?: Readonly<Record<string, string>>;
  readonly as?: Account;
}

/** Runs a program to its end, as certmonger runs a helper, and gives its stdout; anything but exit 0 is thrown. */
export function program(file: string, args: readonly string[], options: ProgramOptions = {}): Buffer {
  const { status, signal, stdout, stderr, error } = spawnSync(file, args, {
    env: { ...certmongerEnvironment, ...options.env },
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
    ...(options.as === undefined ? {} : { uid: options.as.uid, gid: options.as.gid }),
  });
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${file} ${args.join(' ')} ended with ${signal ?? String(status)}: ${stderr.toString()}${stdout.toString()}`);
  return stdout;
}

/** An empty node: what any program on it costs at least. */
export function bareNode(): void {
  program(process.execPath, ['-e', '0']);
}
