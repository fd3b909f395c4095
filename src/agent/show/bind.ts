import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, renameSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { distrustOf } from '../../platform/trusted-path.js';
import { nameOf, type Address } from './order.js';

/** Slow and greedy clients: a line of text is all that is ever asked for. */
const limits = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 2000,
};
const idleMs = 15_000;
const maxConnections = 64;

/** A server that listens at an address before this process drops. A sentence that names the address where it cannot. */
export async function bind(at: Address, gid: number | undefined): Promise<Server> {
  const server = createServer(limits);
  server.maxConnections = maxConnections;
  server.setTimeout(idleMs, (socket) => {
    socket.destroy();
  });
  try {
    if ('socket' in at) await bindSocket(server, at.socket, gid);
    else await listening(server, () => server.listen({ ...at, exclusive: true }));
  } catch (error) {
    throw new HsmongerError('CONFIG_INVALID', `Cannot listen at ${nameOf(at)}: ${sentenceOf(error)}.`, { cause: error });
  }
  return server;
}

/**
 * Under a name of its own first, so that it has its owner and mode before anybody can connect, then put in the place of what a killed
 * process left. Only in a directory of root's: elsewhere somebody could put a link there.
 */
async function bindSocket(server: Server, file: string, gid: number | undefined): Promise<void> {
  makeDirectory(path.dirname(file));
  const distrust = distrustOf(path.dirname(file));
  if (distrust !== undefined) throw new Error(`${distrust}; a socket belongs into a directory of root's, such as /run/hsmonger`);
  const there = lstatSync(file, { throwIfNoEntry: false });
  if (there !== undefined && !there.isSocket()) throw new Error('there is something that is no socket; remove it or name another path');
  const temporary = `${file}.${String(process.pid)}`;
  await listening(server, () => server.listen(temporary));
  if (gid !== undefined) chownSync(temporary, 0, gid);
  chmodSync(temporary, gid === undefined ? 0o600 : 0o660);
  renameSync(temporary, file);
}

/** /run is empty after a boot. */
function makeDirectory(directory: string): void {
  if (existsSync(directory) || !existsSync(path.dirname(directory)) || distrustOf(path.dirname(directory)) !== undefined) return;
  mkdirSync(directory);
  // Whatever the umask: who may connect has to get there.
  chmodSync(directory, 0o755);
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.removeListener('error', reject);
      resolve();
    });
    listen();
  });
}
