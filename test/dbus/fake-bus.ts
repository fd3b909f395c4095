import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import { decode, encode, messageTypes, type WireMessage } from '../../dbus/wire.js';

export interface FakeBus {
  readonly address: string;
  stop(): void;
}

export interface FakePeer {
  readonly socket: Socket;
  /** Answers a call. */
  reply(to: WireMessage, signature?: string, body?: readonly unknown[]): void;
}

export interface FakeBusOptions {
  /** What to say to AUTH; default OK. */
  readonly auth?: string;
  /** Gets every call after the authentication; what a real bus cannot be made to do is done here. */
  readonly onCall?: (call: WireMessage, peer: FakePeer) => void;
}

/** A peer on a unix socket that misbehaves as told: never answers, refuses, sends garbage. */
export async function startFakeBus(directory: string, options: FakeBusOptions): Promise<FakeBus> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let serial = 0;
    const peer: FakePeer = {
      socket,
      reply: (to, signature = '', body = []) => {
        serial += 1;
        socket.write(
          encode({ type: messageTypes.return, serial, replySerial: to.serial, sender: 'org.freedesktop.DBus', signature, body }),
        );
      },
    };
    let line = '';
    const readLines = () => {
      for (let byte = socket.read(1) as Buffer | null; byte !== null; byte = socket.read(1) as Buffer | null) {
        line += byte.toString('latin1');
        if (!line.endsWith('\n')) continue;
        const said = line;
        line = '';
        if (said.includes('AUTH')) socket.write(`${options.auth ?? 'OK 0123456789abcdef0123456789abcdef'}\r\n`);
        if (said.startsWith('BEGIN')) {
          socket.off('readable', readLines);
          decode(
            socket,
            (message) => options.onCall?.(message, peer),
            () => undefined,
          );
          // Hello may have come in with BEGIN.
          socket.emit('readable');
          return;
        }
      }
    };
    socket.on('readable', readLines);
  });
  const file = path.join(directory, `fake-${String(Math.random()).slice(2)}.sock`);
  server.listen(file);
  await once(server, 'listening');
  return {
    address: `unix:path=${file}`,
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
