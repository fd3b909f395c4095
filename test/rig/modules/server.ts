import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { stopAtExit, stopProcess, tied } from '../processes.js';
import type { RigPlace } from './rig.js';

export interface SocketServer {
  readonly program: string;
  readonly args: readonly string[];
  /** Made by the program when it is ready. */
  readonly socket: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts a server as the owner and waits for its socket; gives what ends it. */
export async function startServer(
  { owner }: RigPlace,
  { program, args, socket, environment = {} }: SocketServer,
): Promise<() => Promise<void>> {
  const words = `${socket}.log`;
  const log = openSync(words, 'w');
  const [tool, line] = tied(program, args, owner);
  const server = spawn(tool, line, { env: { PATH: process.env['PATH'], ...environment }, stdio: ['ignore', log, log] });
  closeSync(log);
  stopAtExit(server);
  while (!existsSync(socket)) {
    if (server.exitCode !== null)
      throw new Error(
        `${program} ended with ${String(server.exitCode)} before its socket ${socket} was there: ${readFileSync(words, 'utf8')}`,
      );
    await sleep(20);
  }
  return () => stopProcess(server, 'SIGTERM');
}
