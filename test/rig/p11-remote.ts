import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killFamily } from './prey.js';
import { stopAtExit, tied } from './processes.js';
import type { SoftToken } from './soft-token.js';

const clientModule = '/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so';

/** A token of another host, as this one sees it over p11-kit's protocol: a network HSM for tests. */
export interface RemoteToken {
  /** The token by the client module; confFile is of no use here. */
  readonly token: SoftToken;
  /** Kills the server and everything it started for its clients, as a cut line does; again does nothing. */
  cut(): Promise<void>;
  /** Starts it again. */
  restore(): Promise<void>;
  /**
   * Where this runs, a process that was told nothing, as certmonger's children are, finds the server too: at p11-kit's own default places,
   * in a mount namespace of its own.
   */
  readonly command: (program: string, args: readonly string[]) => readonly [string, readonly string[]];
}

/** `p11-kit server` on a unix socket, as the token's owner; it lets in that user and root (p11-kit/p11-kit-server). */
export async function serveToken(token: SoftToken, directory: string): Promise<RemoteToken> {
  const sockets = path.join(directory, 'p11-kit');
  const socket = path.join(sockets, 'pkcs11');
  mkdirSync(sockets, { mode: 0o755 });
  if (token.owner !== undefined) chownSync(sockets, token.owner.uid, token.owner.gid);
  const server = ['server', '-f', '-n', socket, '--provider', token.module, `pkcs11:token=${encodeURIComponent(token.label)}`];
  const start = async (): Promise<ChildProcess> => {
    rmSync(socket, { force: true });
    const [program, args] = tied('p11-kit', server, token.owner);
    // A group of its own: each client is served by a child, which outlives the one that listens.
    const child = spawn(program, args, { env: { PATH: '/usr/bin:/bin', ...token.environment }, cwd: '/', stdio: 'ignore', detached: true });
    stopAtExit(child);
    for (let left = 100; !existsSync(socket); left--) {
      if (left === 0 || child.exitCode !== null) throw new Error(`p11-kit server does not listen on ${socket}.`);
      await sleep(50);
    }
    return child;
  };
  let child = await start();
  return {
    token: { ...token, module: clientModule, environment: { P11_KIT_SERVER_ADDRESS: `unix:path=${socket}` } },
    cut: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      killFamily(child.pid!);
      await ended;
    },
    restore: async () => {
      child = await start();
    },
    // certmonger reads keys as root and saves as the token's user.
    command: (program, args) => [
      'unshare',
      [
        '--mount',
        'sh',
        '-c',
        `mount -t tmpfs tmpfs /run/user && for uid in 0 ${String(token.owner?.uid ?? 0)}; do mkdir -p /run/user/$uid/p11-kit && ln -sfn '${socket}' /run/user/$uid/p11-kit/pkcs11 || exit; done; exec "$@"`,
        'sh',
        program,
        ...args,
      ],
    ],
  };
}
