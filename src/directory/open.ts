import type { DirectoryConfig } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import type { Account } from '../platform/service-user.js';
import { connect, type Connection } from './connection.js';
import type { Directory } from './directory.js';
import { ldapDirectory } from './ldap-directory.js';
import { readPasswordFile } from './password-file.js';
import { fetchTicket } from './ticket.js';
import { toolDirectory } from './tool-directory.js';
import { runTool, toolFailure, type ToolAccess } from './tools.js';

export interface OpenOptions {
  /** Who will use it after the drop; default this user. */
  readonly owner?: Account;
  /** Milliseconds for each operation. Default 10 000. */
  readonly timeoutMs?: number;
  /** Whether watch() will be called, which takes a second connection. Default true; without, opening over TLS takes half the time. */
  readonly watches?: boolean;
  /** Milliseconds between two looks, during a watch, whether the server still answers. Default 15 000. */
  readonly pulseMs?: number;
  /** Over the environment of Kerberos' and OpenLDAP's tools: KRB5_CONFIG. */
  readonly environment?: Readonly<Record<string, string>>;
}

const defaultTimeoutMs = 10_000;
const defaultPulseMs = 15_000;
/** RFC 4532. */
const whoAmI = '1.3.6.1.4.1.4203.1.11.3';
const protocolError = 2;

/**
 * Connects and binds. All but a simple bind need root, and so may the password file: call it before the drop, use it after. It is
 * never anybody else than the one who bound: an anonymous bind is DIRECTORY_REFUSED, a lost connection stays lost.
 */
export async function openDirectory(config: DirectoryConfig, options: OpenOptions = {}): Promise<Directory> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const { bind } = config;
  switch (bind.method) {
    case 'external':
      return overConnections(config, options, timeoutMs, (connection) =>
        connection.run(`the EXTERNAL bind at ${config.uri}`, (client) => client.bindSASL('EXTERNAL')),
      );
    case 'simple': {
      const password = readPasswordFile(bind.passwordFile);
      return overConnections(config, options, timeoutMs, (connection) =>
        connection.run(`the bind as ${bind.dn} at ${config.uri}`, (client) => client.bind(bind.dn, password)),
      );
    }
    case 'gssapi': {
      const { keytab, principal = `host/${config.host}` } = bind;
      const ticket = await fetchTicket({
        keytab,
        principal,
        timeoutMs,
        ...(options.owner === undefined ? {} : { owner: options.owner }),
        ...(options.environment === undefined ? {} : { environment: options.environment }),
      });
      const environment = { ...ticket.environment, ...(config.caFile === undefined ? {} : { LDAPTLS_CACERT: config.caFile }) };
      try {
        return await overTools({ uri: config.uri, startTls: config.startTls, mechanism: 'GSSAPI', environment, timeoutMs }, ticket.remove);
      } catch (error) {
        ticket.remove();
        throw error;
      }
    }
  }
}

/** The tools' way, proved by one Who am I. */
export async function overTools(access: ToolAccess, finish?: () => void): Promise<Directory> {
  const what = `the ${access.mechanism} bind at ${access.uri}`;
  const { exitCode, stdout, stderr } = await runTool(access, 'ldapwhoami', [], what);
  if (exitCode !== 0) throw toolFailure(exitCode, what, stderr);
  assertSomebody(stdout, access.uri);
  return toolDirectory(access, finish);
}

async function overConnections(
  config: DirectoryConfig,
  options: OpenOptions,
  timeoutMs: number,
  bind: (connection: Connection) => Promise<void>,
): Promise<Directory> {
  const opened: Connection[] = [];
  try {
    for (let count = 0; count < (options.watches === false ? 1 : 2); count++) {
      const connection = await connect(config, timeoutMs);
      opened.push(connection);
      await bind(connection);
      await assertBound(connection, config.uri);
    }
    const [main, watching] = opened;
    if (main === undefined) throw new Error('a connection was opened');
    return ldapDirectory({ main, watching, pulseMs: options.pulseMs ?? defaultPulseMs });
  } catch (error) {
    for (const connection of opened) connection.close();
    throw error;
  }
}

async function assertBound(connection: Connection, uri: string): Promise<void> {
  const answer = await connection.run(`Who am I at ${uri}`, async (client) => {
    try {
      return (await client.exop(whoAmI)).value ?? '';
    } catch (error) {
      // A server that does not know the question; it has taken the bind of somebody with a name.
      if ((error as { readonly code?: unknown }).code === protocolError) return undefined;
      throw error;
    }
  });
  if (answer !== undefined) assertSomebody(answer, uri);
}

/** RFC 4513 §5.2.1.8: `dn:` or `u:` and somebody's name; the anonymous one is empty. */
function assertSomebody(authorization: string, uri: string): void {
  if (/^(?:dn|u):\s*\S/iu.test(authorization.trim())) return;
  throw new HsmongerError(
    'DIRECTORY_REFUSED',
    `The directory at ${uri} took the bind and then called it anonymous. Check directory.bind in the instance file, and the server's mapping of that identity.`,
  );
}
