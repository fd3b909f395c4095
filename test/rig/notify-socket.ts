import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stopAtExit } from './processes.js';

/** The end of sd_notify(3) systemd holds: Node.js has no datagram sockets, so Python does. */
export interface NotifySocket {
  readonly path: string;
  /** Until what was told so far, a state each, is as wanted. */
  until(wanted: (told: readonly string[]) => boolean, patienceMs: number): Promise<void>;
  stop(): void;
}

/** A barrier (sd_notify_barrier(3)) is a file descriptor: recv() without ancillary data closes it, and the sender goes on. */
const listen = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("LISTENING", flush=True)
while True:
    print(s.recv(4096).decode().strip(), flush=True)
`;

export async function startNotifySocket(directory: string): Promise<NotifySocket> {
  const socket = path.join(directory, 'notify.sock');
  const child = spawn('python3', ['-c', listen, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  stopAtExit(child);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(child.stdout, 'data');
  const told = () => said.split('\n').filter((line) => line !== '' && line !== 'LISTENING' && line !== 'BARRIER=1');
  return {
    path: socket,
    async until(wanted, patienceMs) {
      for (const end = Date.now() + patienceMs; !wanted(told()); await sleep(20))
        if (Date.now() > end) throw new Error(`systemd heard within ${String(patienceMs / 1000)} s only: ${told().join(' ')}`);
    },
    stop: () => {
      child.kill('SIGKILL');
    },
  };
}
