import { connect } from 'node:net';
import { answersTls } from '../platform/answers-tls.js';
import { addressOf } from './connection.js';

/** Whether anything takes up a connection at the directory's address: a sign of life for a process that may not bind. */
export async function reaches(uri: string, timeoutMs: number): Promise<boolean> {
  const { host, port, secure, socketPath } = addressOf(uri);
  if (secure) return answersTls(host, [port], timeoutMs);
  return new Promise((resolve) => {
    const socket = connect(socketPath === undefined ? { host, port } : { path: socketPath });
    const finish = (reached: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reached);
    };
    const timer = setTimeout(() => {
      finish(false);
    }, timeoutMs);
    socket.once('connect', () => {
      finish(true);
    });
    socket.once('error', () => {
      finish(false);
    });
  });
}
