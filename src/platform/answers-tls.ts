import { isIP } from 'node:net';
import { connect } from 'node:tls';

/** Whether anything at one of these ports takes up TLS within `timeoutMs`: a sign of life, asked for on all ports at once. */
export async function answersTls(host: string, ports: readonly number[], timeoutMs: number): Promise<boolean> {
  const end = new AbortController();
  try {
    return await Promise.any(ports.map((port) => handshake(host, port, timeoutMs, end.signal))).then(
      () => true,
      () => false,
    );
  } finally {
    end.abort();
  }
}

function handshake(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    // Nothing is sent or believed: an expired certificate is the very thing a server may be down with, and it is alive all the same.
    const socket = connect({ host, port, rejectUnauthorized: false, ...(isIP(host) === 0 ? { servername: host } : {}) });
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const fail = () => {
      finish(() => {
        reject(new Error(`no TLS at ${host}:${String(port)}`));
      });
    };
    const timer = setTimeout(fail, timeoutMs);
    signal.addEventListener('abort', fail, { once: true });
    socket.once('secureConnect', () => {
      finish(resolve);
    });
    socket.once('error', fail);
    socket.once('close', fail);
  });
}
