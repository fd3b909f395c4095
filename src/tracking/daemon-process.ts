import { readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../errors.js';

/** The running daemon, as far as its children depend on it. */
export interface DaemonProcess {
  /** Base name of the program: certmonger, or certmonger-session. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Reads the process from /proc; needs to be root or its user. */
export function readDaemonProcess(pid: number): DaemonProcess {
  try {
    const program = path.basename(readlinkSync(`/proc/${String(pid)}/exe`).replace(/ \(deleted\)$/u, ''));
    const entries = readFileSync(`/proc/${String(pid)}/environ`, 'utf8').split('\0').filter((entry) => entry.includes('='));
    return { program, environment: Object.fromEntries(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)])) };
  } catch (error) {
    throw new HsmongerError('NOT_PERMITTED', `Cannot see with which environment certmonger (process ${String(pid)}) runs: ${sentenceOf(error)}. Run as root.`, { cause: error });
  }
}

/** HOME of the daemon's children: the system daemon takes its run directory whatever HOME is (env-system.c), the session daemon HOME. */
export function homeOf({ program, environment }: DaemonProcess): string {
  return isSession(program) ? (environment['HOME'] ?? '/') : '/run/certmonger';
}

/** Where the daemon read its certmonger.conf from. */
export function confFileOf({ program, environment }: DaemonProcess): string {
  const fallback = isSession(program) ? path.join(environment['HOME'] ?? '/', '.config/certmonger') : '/etc/certmonger';
  return path.join(environment['CERTMONGER_CONFIG_DIR'] ?? fallback, 'certmonger.conf');
}

/** Where the daemon writes a file for each request (env-system.c, env-session.c). */
export function requestsDirectoryOf({ program, environment }: DaemonProcess): string {
  const fallback = isSession(program) ? path.join(environment['HOME'] ?? '/', '.config/certmonger/requests') : '/var/lib/certmonger/requests';
  return environment['CERTMONGER_REQUESTS_DIR'] ?? fallback;
}

/** The whole environment of the daemon's children (subproc.c:66-190): nothing that configures a PKCS#11 module is in it. */
export function childEnvironment(daemon: DaemonProcess): Record<string, string> {
  const kept = Object.entries(daemon.environment).filter(([name]) => name === 'LANG' || name.startsWith('LC_') || /_PROXY$/iu.test(name) || ['DBUS_SESSION_BUS_ADDRESS', 'CERTMONGER_CONFIG_DIR', 'CERTMONGER_LOCAL_CA_DIR', 'TMPDIR'].includes(name));
  return { ...Object.fromEntries(kept), HOME: homeOf(daemon), PATH: '/usr/bin:/bin:/usr/sbin:/sbin', SHELL: '/bin/sh', TERM: 'dumb', LC_CTYPE: 'C.UTF-8' };
}

function isSession(program: string): boolean {
  return program === 'certmonger-session';
}
