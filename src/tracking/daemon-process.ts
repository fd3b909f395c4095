import { readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../errors.js';

/** The running daemon, as far as its children depend on it. */
export interface DaemonProcess {
  /** Base name of the program: certmonger, or certmonger-session. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Reads the process from /proc; needs to be root or its user. Where root's capabilities are fewer than the daemon's, as the agent's unit
 * has them, the kernel shows neither program nor environment (ptrace(2)), but the name: the system daemon's children get nothing of its
 * environment that counts.
 */
export function readDaemonProcess(pid: number): DaemonProcess {
  try {
    const program = path.basename(readlinkSync(`/proc/${String(pid)}/exe`).replace(/ \(deleted\)$/u, ''));
    const entries = readFileSync(`/proc/${String(pid)}/environ`, 'utf8')
      .split('\0')
      .filter((entry) => entry.includes('='));
    return {
      program,
      environment: Object.fromEntries(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)])),
    };
  } catch (error) {
    if (process.geteuid?.() === 0 && nameOf(pid) === 'certmonger') return { program: 'certmonger', environment: {} };
    throw new HsmongerError(
      'NOT_PERMITTED',
      `Cannot see with which environment certmonger (process ${String(pid)}) runs: ${sentenceOf(error)}. Run as root.`,
      { cause: error },
    );
  }
}

/** What everybody may see; '' for a process that is gone. */
function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${String(pid)}/comm`, 'utf8').trim();
  } catch {
    return '';
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
  const fallback = isSession(program)
    ? path.join(environment['HOME'] ?? '/', '.config/certmonger/requests')
    : '/var/lib/certmonger/requests';
  return environment['CERTMONGER_REQUESTS_DIR'] ?? fallback;
}

/** The whole environment of the daemon's children (subproc.c:66-190): nothing that configures a PKCS#11 module is in it. */
export function childEnvironment(daemon: DaemonProcess): Record<string, string> {
  const kept = Object.entries(daemon.environment).filter(
    ([name]) =>
      name === 'LANG' ||
      name.startsWith('LC_') ||
      /_PROXY$/iu.test(name) ||
      ['DBUS_SESSION_BUS_ADDRESS', 'CERTMONGER_CONFIG_DIR', 'CERTMONGER_LOCAL_CA_DIR', 'TMPDIR'].includes(name),
  );
  return {
    ...Object.fromEntries(kept),
    HOME: homeOf(daemon),
    PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
    SHELL: '/bin/sh',
    TERM: 'dumb',
    LC_CTYPE: 'C.UTF-8',
  };
}

function isSession(program: string): boolean {
  return program === 'certmonger-session';
}
