import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { privateDirectory } from '../rig/directory.js';
import { pem } from './material.js';

/** The openssl program, a judge that is not us. */
export function openssl(args: readonly string[], input?: Uint8Array): Buffer {
  return execFileSync('openssl', args, {
    ...(input === undefined ? {} : { input }),
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  });
}

export function certificateText(der: Uint8Array, ...options: string[]): string {
  return openssl(['x509', '-inform', 'DER', '-noout', ...(options.length === 0 ? ['-text'] : options)], der).toString('utf8');
}

/** openssl verify's words: `… OK`, or its complaint. */
export function verdict(
  certificate: Uint8Array,
  chain: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  at?: Date,
  ...options: string[]
): string {
  const directory = privateDirectory('openssl-');
  try {
    const file = (name: string, ders: readonly Uint8Array[]) => {
      const target = path.join(directory.path, name);
      writeFileSync(target, ders.map((der) => pem(der)).join(''));
      return target;
    };
    const args = [
      'verify',
      '-x509_strict',
      ...(at === undefined ? [] : ['-attime', String(Math.floor(at.getTime() / 1000))]),
      ...options,
      '-CAfile',
      file('roots.pem', roots),
    ];
    return openssl([
      ...args,
      ...(chain.length === 0 ? [] : ['-untrusted', file('chain.pem', chain)]),
      file('certificate.pem', [certificate]),
    ]).toString();
  } catch (error) {
    const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
    return `${stdout.toString()}${stderr.toString()}`;
  } finally {
    directory.remove();
  }
}

/** Runs `work` with a file of these bytes, removed afterwards. */
export function withFile<T>(bytes: Uint8Array, work: (file: string) => T): T {
  const directory = privateDirectory('openssl-');
  try {
    const file = path.join(directory.path, 'file');
    writeFileSync(file, bytes);
    return work(file);
  } finally {
    directory.remove();
  }
}
