import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { installation } from '../../../src/platform/installation.js';
import { csrToPem } from '../../../src/x509/pem.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { createSessionModule, type SessionModule } from '../../rig/session-module.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { makeRequests } from '../../x509/many-requests.js';
import { openssl } from '../../rig/openssl-authority.js';
import { hsmonger } from '../site.js';
import { freePort } from '../../rig/free-port.js';

/** What the sessions on a token show to a person: how many there are, and that one lost under a signature ends nothing. */

const exec = promisify(execFile);
let home: PrivateDirectory;
let token: SoftToken;
let sessions: SessionModule;
const at = (...names: string[]) => path.join(home.path, ...names);
const here = ['--instance', 'root'];
const run = (...args: string[]) => hsmonger(...args, ...here, '--config-dir', at('etc'), '--state-dir', at('state'));
const original = () => readFileSync(at('etc', 'root.toml'), 'utf8');
const allow = (most: number) => {
  const toml = original().replace(/^max-sessions = .*\n/mu, '');
  writeFileSync(at('etc', 'root.toml'), toml.replace('[token]\n', `[token]\nmax-sessions = ${String(most)}\n`));
};

beforeAll(async () => {
  home = privateDirectory('sessions');
  token = await createSoftToken({ directory: home.path, owner: ensureServiceUser() });
  sessions = createSessionModule(home.path, token.module);
  sessions.lose(1);
  const made = await run(
    ...['ca', 'init-root', '--module', sessions.module, '--token', token.label, '--pin-file', token.pinFile],
    ...['--module-env', `SOFTHSM2_CONF=${token.confFile}`, '--subject', 'CN=Root', '--key-type', 'P-256', '--dbdir', at('nss')],
  );
  expect(made.exitCode, made.err).toBe(0);
}, 60_000);
beforeEach(() => {
  sessions.lose(0);
});
afterAll(() => {
  home.remove();
});

test('a root is made though the session is lost under its signature, and is there once', async () => {
  expect(sessions.seen()).toMatchObject({ lost: 1, logins: 2 });
  expect((await run('ca', 'list', '--json')).out.match(/"serial"/gu)).toHaveLength(1);
  expect((await run('ca', 'chain')).out).toMatch(/BEGIN CERTIFICATE/u);
});

test('a key and its certificate are made once though the session is lost under the request', async () => {
  sessions.seen();
  sessions.lose(1);
  const said = await run('ca', 'issue', '--profile', 'client', '--nickname', 'own', '--subject', 'CN=own', '--key-type', 'P-256');
  expect(said.exitCode, said.err).toBe(0);
  expect(sessions.seen()).toMatchObject({ lost: 1 });
  const keys = JSON.parse((await run('token', 'keys', '--json')).out) as { certificates: string[] }[];
  expect(keys.filter(({ certificates }) => certificates.includes('own'))).toHaveLength(2);
});

describe('a CRL', () => {
  test('is made though the session is lost under its signature, with the number it would have had', async () => {
    for (const [number, losses] of [
      ['1', 0],
      ['2', 1],
      ['3', 0],
    ] as const) {
      sessions.seen();
      sessions.lose(losses);
      const said = await run('ca', 'crl', '--out', at('root.crl'), '--json');
      expect(said.exitCode, said.err).toBe(0);
      expect(JSON.parse(said.out)).toMatchObject({ number });
      expect(sessions.seen()).toMatchObject({ lost: losses, logins: 1 + losses });
      expect(openssl('crl', '-inform', 'DER', '-in', at('root.crl'), '-noout', '-crlnumber')).toMatch(new RegExp(`0x0?${number}\\n$`, 'u'));
    }
  });

  test('is not made where the next session is lost too, and no number is used up', async () => {
    sessions.lose(2);
    const said = await run('ca', 'crl', '--out', at('root.crl'));
    expect(said).toMatchObject({ exitCode: 1, err: expect.stringMatching(/It was tried again through a new session, too/u) as string });
    const after = await run('ca', 'crl', '--out', at('root.crl'), '--json');
    expect(JSON.parse(after.out)).toMatchObject({ number: '4' });
  });
});

describe('max-sessions', () => {
  test.each([1, 3])('%i: ca issue opens as many on the token, and never more', async (most) => {
    allow(most);
    const directory = at(`csrs-${String(most)}`);
    mkdirSync(directory);
    mkdirSync(at(`certs-${String(most)}`));
    makeRequests(30).forEach(({ csr }, n) => {
      writeFileSync(path.join(directory, `${String(n)}.csr`), csrToPem(csr));
    });
    sessions.seen();
    const said = await run('ca', 'issue', '--profile', 'server', '--in-dir', directory, '--out-dir', at(`certs-${String(most)}`));
    expect(said.exitCode, said.err).toBe(0);
    expect(sessions.seen()).toMatchObject({ mostOpen: most, mostSigning: most, logins: 1 });
  });

  test.each([1, 3])('%i: the OCSP responder too, and a lost one is no answer to anybody', async (most) => {
    allow(most);
    const port = await freePort();
    const child = spawn(
      path.join(installation().executables, 'hsmonger'),
      ['ca', 'ocsp', '--listen', `127.0.0.1:${String(port)}`, ...here, '--config-dir', at('etc'), '--state-dir', at('state')],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const ended = once(child, 'exit') as Promise<[number | null]>;
    try {
      while (!said.includes('listening') && child.exitCode === null) await sleep(20);
      await rootPem();
      await exec('openssl', ['ocsp', '-issuer', at('root.pem'), '-serial', '0x1234', '-reqout', at('request.der')]);
      const request = Uint8Array.from(readFileSync(at('request.der')));
      // With a nonce: each is signed anew.
      const asked = async () => {
        const response = await fetch(`http://127.0.0.1:${String(port)}/`, {
          method: 'POST',
          headers: { 'content-type': 'application/ocsp-request' },
          body: request,
        });
        // OCSPResponseStatus (RFC 6960 §4.2.1): an ENUMERATED of one octet, the first in the SEQUENCE.
        const der = Buffer.from(await response.arrayBuffer());
        return der[der.indexOf(Buffer.from('0a01', 'hex')) + 2];
      };
      const many = () => Promise.all(Array.from({ length: 40 }, asked));
      const good = Array.from({ length: 40 }, () => 0);
      expect(await many()).toEqual(good);
      expect(sessions.seen()).toMatchObject({ mostOpen: most, mostSigning: most, logins: 1 });
      sessions.lose(1);
      expect(await many()).toEqual(good);
      expect(sessions.seen()).toMatchObject({ mostOpen: most, lost: 1, logins: 1 });
      expect(said).toMatch(/is there again, and answers are signed/u);
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
    expect((await ended)[0]).toBe(0);
  });
});

async function rootPem(): Promise<void> {
  writeFileSync(at('root.pem'), (await run('ca', 'chain')).out);
}
