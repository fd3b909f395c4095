import type { HsmongerError } from '../errors.js';
import { run, type RunResult } from '../platform/run.js';
import type { Query } from './directory.js';
import { failureOf, lost } from './result-codes.js';

/** How OpenLDAP's tools reach the server and who they are there. */
export interface ToolAccess {
  readonly uri: string;
  readonly startTls: boolean;
  readonly mechanism: 'GSSAPI' | 'EXTERNAL';
  /** KRB5CCNAME, LDAPTLS_CACERT. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

const anyExit = Array.from({ length: 256 }, (_, code) => code);

/**
 * Arguments all the tools take. -N: the name in the URI is the server's; looking it up backwards would let the DNS choose the Kerberos
 * service. The network time limit is the tools' own; a server that is stopped wants the process's as well. Without TLS Kerberos has to seal
 * what goes over the wire (a key of 56 bits is its least), whatever the server would be content with.
 */
export function accessArguments({ uri, startTls, mechanism, timeoutMs }: ToolAccess): string[] {
  const inClear = uri.startsWith('ldap:') && !startTls;
  return [
    '-Q',
    '-N',
    '-Y',
    mechanism,
    ...(inClear ? ['-O', 'minssf=56'] : []),
    '-H',
    uri,
    ...(startTls ? ['-ZZ'] : []),
    '-o',
    `nettimeout=${String(Math.max(1, Math.ceil(timeoutMs / 1000)))}`,
  ];
}

/** ldapsearch's own, after those of accessArguments(). */
export function searchArguments({ base, scope, filter = '(objectClass=*)', attributes = [] }: Query): string[] {
  return ['-LLL', '-o', 'ldif-wrap=no', '-b', base, '-s', scope === 'subtree' ? 'sub' : scope, filter, ...attributes];
}

/** No .ldaprc of anybody's, verification always on. */
export function toolEnvironment({ environment }: ToolAccess): Record<string, string> {
  return { HOME: '/nonexistent', LDAPTLS_REQCERT: 'demand', ...environment };
}

/**
 * Runs one of the tools; DIRECTORY_UNAVAILABLE when it gives no answer in time, its exit code is the caller's to judge. `what` completes
 * "the directory did not answer …".
 */
export async function runTool(
  access: ToolAccess,
  program: string,
  args: readonly string[],
  what: string,
  input?: string,
): Promise<RunResult> {
  try {
    return await run(program, [...accessArguments(access), ...args], {
      env: toolEnvironment(access),
      timeoutMs: access.timeoutMs + 1000,
      okExitCodes: anyExit,
      cwd: '/',
      ...(input === undefined ? {} : { input }),
    });
  } catch (error) {
    throw lost(what, error);
  }
}

/**
 * A failure of one of the tools. `ldap_bind: Invalid credentials (49)` has the LDAP result, below zero the library's own trouble with the
 * connection; the exit code is the result as well, but 1 when StartTLS failed and one octet of what is below zero.
 */
export function toolFailure(exitCode: number, what: string, said: string): HsmongerError {
  const [, result = String(exitCode)] = /^ldap_\w+(?:\([^)]*\))?: .*\((-?\d+)\)$/mu.exec(said) ?? [];
  return Number(result) < 0 || Number(result) >= 0x80
    ? lost(what, said.replace(/\s+/gu, ' ').trim())
    : failureOf(Number(result), what, said);
}
