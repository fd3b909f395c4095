import { execFile, execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { installation } from '../../../src/platform/installation.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { createInstance, type TestInstance } from '../../rig/instance.js';
import {
  caNickname,
  createOpensslAuthority,
  leafExtensions,
  ocspExtensions,
  openssl,
  type OpensslAuthority,
} from '../../rig/openssl-authority.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { hsmonger } from '../site.js';
import { freePort } from '../../rig/free-port.js';

const exec = promisify(execFile);
let home: PrivateDirectory;
let token: SoftToken;
let authority: OpensslAuthority;
let instance: TestInstance;
let here: readonly string[];
let good: string;
let revoked: string;
let held: string;
let unknown: string;
let running: Responder | undefined;
const file = (name: string) => path.join(home.path, name);

interface Responder {
  readonly child: ChildProcess;
  readonly url: string;
  said(): string;
  stop(): Promise<number | null>;
}

beforeAll(async () => {
  home = privateDirectory('ocsp');
  token = await createSoftToken({ directory: home.path, owner: ensureServiceUser() });
  authority = await createOpensslAuthority(home.path, token, 'P-256');
  instance = createInstance({ directory: home.path, token, certificates: [], issuerCertificate: caNickname });
  here = ['--config-dir', instance.configDir, '--state-dir', instance.stateDir];
  good = await authority.issue('good');
  revoked = await authority.issue('revoked', { serial: '80ff02' });
  held = await authority.issue('held');
  unknown = await authority.issue('unknown');
  await authority.issue('ocsp', { extensions: ocspExtensions, store: true });
  await authority.issue('ocsp without nocheck', { extensions: ocspExtensions.replace(/^1\.3\.6.*\n/mu, ''), store: true, days: 50 });
  await authority.issue('no ocsp', { extensions: leafExtensions, store: true });
  for (const [certificate, reason] of [
    [revoked, 'keyCompromise'],
    [held, 'certificateHold'],
    [good, 'certificateHold'],
  ] as const) {
    const said = await hsmonger('ca', 'revoke', certificate, '--reason', reason, ...here);
    expect(said.exitCode, said.err).toBe(0);
  }
  // Known to the ledger, and not revoked any more.
  expect((await hsmonger('ca', 'unrevoke', good, ...here)).exitCode).toBe(0);
}, 60_000);
afterEach(async () => {
  await running?.stop();
  running = undefined;
});
afterAll(() => {
  home.remove();
});

const start = (...more: string[]) => startWith(here, ...more);

async function startWith(flags: readonly string[], ...more: string[]): Promise<Responder> {
  const port = await freePort();
  const child = spawn(
    path.join(installation().executables, 'hsmonger'),
    ['ca', 'ocsp', '--listen', `127.0.0.1:${String(port)}`, ...more, ...flags],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  await Promise.race([
    ended,
    (async () => {
      while (!said.includes('listening')) await sleep(20);
    })(),
  ]);
  running = {
    child,
    url: `http://127.0.0.1:${String(port)}/`,
    said: () => said,
    stop: async () => {
      child.kill('SIGTERM');
      return (await ended)[0];
    },
  };
  return running;
}

/** openssl's question and judgement. */
async function asked(responder: Responder, certificate: string, ...more: string[]): Promise<string> {
  const { stdout, stderr } = await exec('openssl', [
    'ocsp',
    '-issuer',
    authority.ca,
    '-cert',
    certificate,
    '-CAfile',
    authority.ca,
    '-url',
    responder.url,
    '-resp_text',
    ...more,
  ]).catch((error: unknown) => error as { stdout: string; stderr: string });
  return stdout + stderr;
}

describe('answers', () => {
  test('are what openssl and gnutls verify: by the OCSP certificate that is there, SHA-1 and SHA-256, with a nonce and without', async () => {
    const responder = await start();
    expect(responder.said()).toMatch(
      /listening at 127\.0\.0\.1:\d+\. Answers are about certificates of .*My Company Root CA.*, signed by CN=ocsp,O=Company\.\n/u,
    );
    for (const [certificate, word] of [
      [good, 'good'],
      [revoked, 'revoked'],
      [held, 'revoked'],
      [unknown, 'unknown'],
    ] as const) {
      for (const flags of [[], ['-no_nonce']]) {
        const text = await asked(responder, certificate, ...flags);
        expect(text).toMatch(/Response verify OK/u);
        expect(text).not.toMatch(/WARNING: no nonce|Nonce Verify error/u);
        expect(text).toContain(`${certificate}: ${word}`);
      }
    }
    expect(await asked(responder, revoked)).toMatch(/Reason: keyCompromise/u);
    expect(await asked(responder, held)).toMatch(/Reason: certificateHold/u);
    const { stdout } = await exec('openssl', [
      'ocsp',
      '-issuer',
      authority.ca,
      '-sha256',
      '-cert',
      good,
      '-sha1',
      '-cert',
      revoked,
      '-CAfile',
      authority.ca,
      '-url',
      responder.url,
    ]);
    expect(stdout).toContain(`${good}: good`);
    expect(stdout).toContain(`${revoked}: revoked`);
    for (const [certificate, word] of [
      [good, /Certificate Status: good/u],
      [revoked, /Certificate Status: revoked[^]*Revocation time/u],
    ] as const) {
      const gnutls = spawnSyncText('ocsptool', [
        `--ask=${responder.url}`,
        '--nonce',
        '--load-cert',
        certificate,
        '--load-issuer',
        authority.ca,
        '--load-trust',
        authority.ca,
      ]);
      expect(gnutls).toMatch(word);
      expect(gnutls).toMatch(/Verifying OCSP Response: Success/u);
    }
    expect(await responder.stop()).toBe(0);
  }, 60_000);

  test('are signed by whom one names, found by name or by key', async () => {
    const responder = await start('--nickname', caNickname, '--responder-id', 'name');
    const text = await asked(responder, good);
    expect(text).toMatch(/Response verify OK/u);
    expect(text).toMatch(/Responder Id: C = US, O = [^\n]*CN = My Company Root CA/u);
    await responder.stop();
    const warned = await start('--nickname', 'ocsp without nocheck');
    expect(warned.said()).toMatch(/has not the extension id-pkix-ocsp-nocheck/u);
    expect(await asked(warned, good)).toMatch(/Response verify OK/u);
    await warned.stop();
    const missing = await start('--nickname', 'no such');
    expect(missing.said()).toMatch(/There is no certificate 'no such' .*\n.*No answer can be signed yet/u);
    await missing.stop();
    const wrong = await start('--nickname', 'no ocsp');
    expect(wrong.said()).toMatch(/cannot sign OCSP answers .* has not the extended key usage OCSPSigning/u);
    expect(await wrong.stop()).toBe(1);
    expect(wrong.said()).not.toContain('unexpected failure');
  });

  test('are signed by no certificate that is revoked itself, or on hold, from the moment it is; named it ends the responder', async () => {
    const flags = [...here.slice(0, 2), '--state-dir', file('withdrawn-state')];
    const responder = await startWith(flags);
    expect(responder.said()).toMatch(/signed by CN=ocsp,O=Company\.\n/u);
    expect(await asked(responder, good)).toMatch(/Subject: O ?= ?Company, CN ?= ?ocsp\n/u);
    expect((await hsmonger('ca', 'revoke', file('ocsp.pem'), '--reason', 'keyCompromise', ...flags)).exitCode).toBe(0);
    const next = await asked(responder, good);
    expect(next).toMatch(/Response verify OK/u);
    expect(next).toMatch(/Subject: O ?= ?Company, CN ?= ?ocsp without nocheck\n/u);
    expect(responder.said()).toMatch(
      /The OCSP certificate of CN=ocsp,O=Company on token 'softhsm_token' was revoked at .*Z \(keyCompromise\); it is passed over\.\n/u,
    );
    await hsmonger('ca', 'revoke', file('ocsp without nocheck.pem'), '--reason', 'certificateHold', ...flags);
    const last = await asked(responder, good);
    expect(last).toMatch(/Response verify OK/u);
    expect(last).not.toMatch(/CN ?= ?ocsp/u);
    await responder.stop();
    const named = await startWith(flags, '--nickname', 'ocsp');
    expect(named.said()).toMatch(/The OCSP certificate of CN=ocsp,O=Company .* was revoked at .* so it signs no OCSP answers/u);
    expect(await named.stop()).toBe(1);
  });

  test('say at once what was revoked a moment ago, though the last answer is kept', async () => {
    const responder = await start();
    const fresh = await authority.issue('fresh');
    await hsmonger('ca', 'revoke', fresh, '--reason', 'certificateHold', ...here);
    expect(await asked(responder, fresh, '-no_nonce')).toContain('fresh.pem: revoked');
    await hsmonger('ca', 'unrevoke', fresh, ...here);
    expect(await asked(responder, fresh, '-no_nonce')).toContain('fresh.pem: good');
    await hsmonger('ca', 'revoke', fresh, '--reason', 'superseded', ...here);
    expect(await asked(responder, fresh, '-no_nonce')).toMatch(/Reason: superseded/u);
  });

  test('about another CA are refused; of a mixed question the other is unknown', async () => {
    const responder = await start();
    const otherCa = file('other-ca.pem');
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      file('other.key'),
      '-subj',
      '/CN=Other',
      '-days',
      '9',
      '-out',
      otherCa,
    );
    const { stderr, stdout } = await exec('openssl', ['ocsp', '-issuer', otherCa, '-cert', otherCa, '-url', responder.url]).catch(
      (error: unknown) => error as { stdout: string; stderr: string },
    );
    expect(stderr + stdout).toMatch(/unauthorized/u);
    const mixed = await exec('openssl', [
      'ocsp',
      '-issuer',
      authority.ca,
      '-cert',
      good,
      '-issuer',
      otherCa,
      '-cert',
      otherCa,
      '-VAfile',
      file('ocsp.pem'),
      '-url',
      responder.url,
    ]);
    expect(mixed.stderr).toMatch(/Response verify OK/u);
    expect(mixed.stdout).toContain(`${good}: good`);
    expect(mixed.stdout).toContain(`${otherCa}: unknown`);
  });
});

describe('over HTTP', () => {
  const curl = (...args: string[]) => execFileSync('curl', ['-sS', '--max-time', '20', ...args]);
  const status = (...args: string[]) => curl('-o', '/dev/null', '-w', '%{http_code}', ...args).toString();
  const question = (...more: string[]) => {
    openssl('ocsp', '-issuer', authority.ca, '-cert', good, '-reqout', file('question'), ...more);
    return readFileSync(file('question'));
  };
  const responseStatus = (der: Buffer) => {
    writeFileSync(file('answer'), der);
    const { stdout, stderr } = spawnSync('openssl', ['ocsp', '-respin', file('answer'), '-resp_text', '-noverify'], { encoding: 'utf8' });
    return /(?:OCSP Response Status|Responder Error): (\S+)/u.exec(stdout + stderr)?.[1];
  };

  test('a GET is answered as RFC 6960 A.1 and RFC 5019 say, and may be kept; one with a nonce may not', async () => {
    const { url } = await start('--minutes', '30');
    const plain = question('-no_nonce').toString('base64');
    const seen: string[] = [];
    for (const target of [`${url}${encodeURIComponent(plain)}`, `${url}${plain}`, `${url}ocsp/root/${encodeURIComponent(plain)}`]) {
      const answer = curl(target);
      expect(responseStatus(answer)).toBe('successful');
      seen.push(answer.toString('hex'));
    }
    // Kept: the token signed once.
    expect(new Set(seen).size).toBe(1);
    const headers = curl('-D', '-', '-o', '/dev/null', `${url}${encodeURIComponent(plain)}`)
      .toString()
      .toLowerCase();
    expect(headers).toMatch(/content-type: application\/ocsp-response/u);
    expect(headers).toMatch(/cache-control: max-age=1[78]\d\d, public, no-transform, must-revalidate/u);
    expect(headers).toMatch(/expires: .*gmt/u);
    expect(headers).toMatch(/last-modified: /u);
    expect(headers).toMatch(/etag: "[0-9a-f]{40}"/u);
    expect(curl('-D', '-', '-o', '/dev/null', `${url}${encodeURIComponent(question().toString('base64'))}`).toString()).toMatch(
      /cache-control: no-store/iu,
    );
  });

  test('what is no request, too large, or of another kind is refused', async () => {
    const { url } = await start();
    const post = (content: Uint8Array, type = 'application/ocsp-request') => {
      writeFileSync(file('body'), content);
      return ['-H', `Content-Type: ${type}`, '-H', 'Expect:', '--data-binary', `@${file('body')}`, url];
    };
    expect(responseStatus(curl(...post(Buffer.of(1, 2, 3))))).toBe('malformedrequest');
    expect(responseStatus(curl(...post(question().subarray(0, -1))))).toBe('malformedrequest');
    const nonce = question();
    // RFC 9654: more than 128 octets.
    openssl('ocsp', '-issuer', authority.ca, '-cert', good, '-reqout', file('question'), '-no_nonce');
    expect(nonce.length).toBeGreaterThan(readFileSync(file('question')).length);
    expect(responseStatus(curl(...post(withNonce(readFileSync(file('question')), 129))))).toBe('malformedrequest');
    expect(responseStatus(curl(...post(withNonce(readFileSync(file('question')), 128))))).toBe('successful');
    expect(status(...post(Buffer.alloc(70_000, 0x30)))).toBe('413');
    expect(status(...post(question(), 'text/plain'))).toBe('415');
    expect(status('-X', 'DELETE', url)).toBe('405');
    expect(status(`${url}index.html`)).toBe('400');
    // A body without a length, without an end: no more than the limit is read.
    const endless = request(url, { method: 'POST', headers: { 'content-type': 'application/ocsp-request' } });
    const answered = once(endless, 'response') as Promise<[{ statusCode: number }]>;
    endless.on('error', () => undefined);
    const timer = setInterval(() => endless.write(Buffer.alloc(16_384, 0x30)), 5);
    expect((await answered)[0].statusCode).toBe(413);
    clearInterval(timer);
    endless.destroy();
    expect(await asked(running!, good)).toMatch(/Response verify OK/u);
  });

  test('a unix socket does, too, and nobody but root and the service user may connect; other hosts never', async () => {
    mkdirSync(file('run'), { mode: 0o755 });
    const socket = file('run/ocsp.sock');
    const child = spawn(path.join(installation().executables, 'hsmonger'), ['ca', 'ocsp', '--listen', socket, ...here], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await once(child.stderr, 'data');
    writeFileSync(file('body'), question('-no_nonce'));
    expect(
      responseStatus(
        curl(
          '--unix-socket',
          socket,
          '-H',
          'Content-Type: application/ocsp-request',
          '--data-binary',
          `@${file('body')}`,
          'http://localhost/',
        ),
      ),
    ).toBe('successful');
    expect(execFileSync('stat', ['-c', '%a %U', socket]).toString()).toBe('660 root\n');
    // Dropped for good: real, effective, saved.
    expect(readFileSync(`/proc/${String(child.pid)}/status`, 'utf8')).toMatch(new RegExp(`Uid:(\\s+${String(token.owner!.uid)}){4}`, 'u'));
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(await hsmonger('ca', 'ocsp', '--listen', '0.0.0.0:2560', ...here)).toMatchObject({
      exitCode: 2,
      err: expect.stringMatching(/put a web server in front/u) as string,
    });
  });
});

test("the responder's key may lie on another token of the instance; pulled out it is waited for and the CA does not sign in its place; the CA's own may be away", async () => {
  const second = await createSoftToken({ directory: home.path, label: 'responders', pin: 'other-pin-9', beside: token });
  mkdirSync(file('two'), { mode: 0o755 });
  const table = `[tokens.responder]\nlabel = "${second.label}"\nmodule = "${second.module}"\npin-file = "${second.pinFile}"\nenvironment = { SOFTHSM2_CONF = "${second.confFile}" }\n\n[[certificate]]\nnickname = "elsewhere"\nprofile = "caOCSPCert"\ntoken = "responder"\n`;
  const two = createInstance({ directory: file('two'), token, certificates: [], issuerCertificate: caNickname, extra: { end: table } });
  const flags = ['--config-dir', two.configDir, '--state-dir', two.stateDir];
  const words = [
    '--profile',
    'ocsp',
    '--subject',
    'CN=elsewhere,O=Company',
    '--nickname',
    'elsewhere',
    '--key-type',
    'P-256',
    '--days',
    '300',
  ];
  const made = await hsmonger('ca', 'issue', ...words, '--token', 'responder', ...flags);
  expect(made, made.err).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/; key made, certificate stored on the token 'responders'\n$/u) as string,
    err: '',
  });
  for (const command of ['revoke', 'unrevoke'])
    expect((await hsmonger('ca', command, good, ...(command === 'revoke' ? ['--reason', 'certificateHold'] : []), ...flags)).exitCode).toBe(
      0,
    );
  // Of all the one that lasts longest.
  const responder = await startWith(flags);
  expect(responder.said()).toMatch(/signed by CN=elsewhere,O=Company\.\n/u);
  const text = await asked(responder, good);
  expect(text).toMatch(/Response verify OK/u);
  expect(text).toContain(`${good}: good`);
  expect(text).toMatch(/Subject: O ?= ?Company, CN ?= ?elsewhere/u);
  await hsmonger('ca', 'revoke', good, ...flags);
  expect(await asked(responder, good)).toContain(`${good}: revoked`);

  const there = path.dirname(
    execFileSync('grep', ['-la', second.label, '-r', token.tokenDirectory], { encoding: 'utf8' }).trim().split('\n')[0]!,
  );
  renameSync(there, file('unplugged'));
  for (const end = Date.now() + 30_000; !(await asked(responder, good)).includes('trylater'); await sleep(300))
    expect(Date.now()).toBeLessThan(end);
  renameSync(file('unplugged'), there);
  for (const end = Date.now() + 30_000; !(await asked(responder, good)).includes('Response verify OK'); await sleep(300))
    expect(Date.now()).toBeLessThan(end);
  expect(await asked(responder, good)).toMatch(/Subject: O ?= ?Company, CN ?= ?elsewhere/u);
  expect(responder.said()).toMatch(/The tokens 'softhsm_token' and 'responders' are there again, and answers are signed\.\n/u);
  expect(await responder.stop()).toBe(0);

  // One the instance file says nothing of is not looked for there.
  const unnamed = await startWith(flags, '--nickname', 'ocsp');
  expect(unnamed.said()).toMatch(/signed by CN=ocsp,O=Company\.\n/u);
  await unnamed.stop();
  const named = await startWith(flags, '--nickname', 'elsewhere');
  expect(await asked(named, good)).toMatch(/Subject: O ?= ?Company, CN ?= ?elsewhere/u);
  await named.stop();

  // The CA's own token in a safe: who signs is on the other.
  const safe = path.dirname(
    execFileSync('grep', ['-la', token.label, '-r', token.tokenDirectory], { encoding: 'utf8' }).trim().split('\n')[0]!,
  );
  renameSync(safe, file('in the safe'));
  try {
    const without = await startWith(flags);
    expect(without.said()).toMatch(
      /The CA's own token is away, which OCSP answers do not need .*\n.*signed by CN=elsewhere,O=Company\.\n/u,
    );
    const text = await asked(without, good);
    expect(text).toMatch(/Response verify OK/u);
    expect(text).toContain(`${good}: revoked`);
    await without.stop();
    // Whose certificate was never seen here nobody can speak for, and its key is not there.
    const other = await startWith(here, '--nickname', caNickname);
    expect(other.said()).toMatch(/No answer can be signed yet/u);
    await other.stop();
    const fresh = await startWith([...flags.slice(0, 2), '--state-dir', file('never-seen')]);
    expect(fresh.said()).toMatch(/No answer can be signed yet/u);
  } finally {
    renameSync(file('in the safe'), safe);
  }
}, 120_000);

test('a token that is pulled out makes it tryLater, and back it answers again', async () => {
  const responder = await start();
  expect(await asked(responder, good)).toMatch(/Response verify OK/u);
  const away = `${token.tokenDirectory}.away`;
  renameSync(token.tokenDirectory, away);
  mkdirSync(token.tokenDirectory, { mode: 0o755 });
  chmodSync(token.tokenDirectory, 0o755);
  // SoftHSM keeps what it has read: only its next session sees that the files are gone.
  for (const end = Date.now() + 30_000; !(await asked(responder, good)).includes('trylater'); await sleep(300))
    expect(Date.now()).toBeLessThan(end);
  execFileSync('rmdir', [token.tokenDirectory]);
  renameSync(away, token.tokenDirectory);
  for (const end = Date.now() + 30_000; !(await asked(responder, good)).includes('Response verify OK'); await sleep(300))
    expect(Date.now()).toBeLessThan(end);
  expect(responder.said()).toMatch(/is there again/u);
  expect(await responder.stop()).toBe(0);
}, 90_000);

function spawnSyncText(program: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 20_000 });
  return stdout + stderr;
}

/** An OCSPRequest without extensions, with a nonce of so many octets. */
function withNonce(der: Buffer, octets: number): Buffer {
  const wrap = (tag: number, ...parts: Buffer[]) => {
    const content = Buffer.concat(parts);
    return Buffer.concat([Buffer.from(content.length < 128 ? [tag, content.length] : [tag, 0x81, content.length]), content]);
  };
  const content = (element: Buffer) => element.subarray(element[1]! < 128 ? 2 : 3);
  const extension = wrap(0x30, Buffer.from('06092b0601050507300102', 'hex'), wrap(0x04, wrap(0x04, Buffer.alloc(octets, 7))));
  return wrap(0x30, wrap(0x30, content(content(der)), wrap(0xa2, wrap(0x30, extension))));
}
