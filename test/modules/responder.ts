import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { installation } from '../../src/platform/installation.js';
import { stopAtExit, stopProcess } from '../rig/processes.js';

const exec = promisify(execFile);

export interface Responder {
  stop(): Promise<void>;
}

/** `hsmonger ca ocsp`, the built one; ready when it says so. */
export async function startResponder(port: number, ...flags: readonly string[]): Promise<Responder> {
  const child = spawn(
    path.join(installation().executables, 'hsmonger'),
    ['ca', 'ocsp', '--listen', `127.0.0.1:${String(port)}`, ...flags],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  stopAtExit(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  while (!said.includes('listening')) {
    if (child.exitCode !== null) throw new Error(`The responder ended before it listened: ${said}`);
    await sleep(20);
  }
  return { stop: () => stopProcess(child, 'SIGTERM') };
}

/** openssl's question about a certificate by POST, in `directory`: its verdict in words, and the answer in the file response.der. */
export async function askByPost(
  directory: string,
  port: number,
  { issuer, certificate, anchor = issuer }: { readonly issuer: string; readonly certificate: string; readonly anchor?: string },
): Promise<string> {
  const { stdout, stderr } = await exec(
    'openssl',
    [
      'ocsp',
      '-issuer',
      issuer,
      '-cert',
      certificate,
      '-CAfile',
      anchor,
      '-url',
      `http://127.0.0.1:${String(port)}/`,
      '-respout',
      'response.der',
      '-no_nonce',
    ],
    { cwd: directory },
  );
  return stdout + stderr;
}

/** The same question by GET (RFC 6960 A.1); the answer's octets. */
export async function askByGet(
  directory: string,
  port: number,
  { issuer, certificate }: { readonly issuer: string; readonly certificate: string },
): Promise<Buffer> {
  await exec('openssl', ['ocsp', '-issuer', issuer, '-cert', certificate, '-no_nonce', '-reqout', 'request.der'], { cwd: directory });
  const question = encodeURIComponent(readFileSync(path.join(directory, 'request.der')).toString('base64'));
  await exec('curl', ['-sSf', '-o', 'got.der', `http://127.0.0.1:${String(port)}/${question}`], { cwd: directory });
  return readFileSync(path.join(directory, 'got.der'));
}
