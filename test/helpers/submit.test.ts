import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, chownSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { installation } from '../../src/platform/installation.js';
import { createAuthority, type Authority } from '../rig/authority.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createInstance, runHelper, type TestInstance } from '../rig/instance.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';

const ca = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
const owner = ensureServiceUser();

let scratch: PrivateDirectory;
let token: SoftToken;
let authority: Authority;
let instance: TestInstance;

beforeAll(async () => {
  scratch = privateDirectory('submit');
  token = await createSoftToken({ directory: scratch.path, owner });
  // The CA has long to live: its subordinates are renewed at once.
  authority = await createAuthority(token, { only: { [ca]: { daysLeft: 3000 } } });
});
beforeEach(() => {
  instance = createInstance({ directory: scratch.path, token, certificates: authority.certificates });
});
afterEach(() => {
  rmSync(instance.stateDir, { recursive: true, force: true });
  rmSync(instance.configDir, { recursive: true, force: true });
});
afterAll(() => {
  scratch.remove();
});

function renewal(nickname: string, variables: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { csr, pem, profile } = authority.certificate(nickname);
  return {
    CERTMONGER_OPERATION: 'SUBMIT',
    CERTMONGER_CA_NICKNAME: 'hsmonger',
    CERTMONGER_CSR: csr,
    CERTMONGER_CERTIFICATE: pem,
    CERTMONGER_CA_PROFILE: profile,
    ...variables,
  };
}

function without(variables: Record<string, string>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([key]) => key !== name));
}

interface Answer {
  readonly certificate: string;
  readonly chain: readonly { readonly certificate: string }[];
  readonly roots: readonly { readonly nickname: string; readonly certificate: string }[];
}
const answerOf = (stdout: string) => JSON.parse(stdout) as Answer;
const issuedRows = () =>
  new Sqlite(path.join(instance.state, 'ledger.sqlite'), { readonly: true }).prepare('SELECT serial, uid, profile FROM issued').all();
const lastOutcome = () =>
  new Sqlite(path.join(instance.state, 'ledger.sqlite'), { readonly: true }).prepare('SELECT code, message FROM outcomes').get();

describe('every operation certmonger knows', () => {
  it.each([
    ['IDENTIFY', 0, 'hsmonger\n'],
    ['GET-DEFAULT-TEMPLATE', 0, 'caServerCert\n'],
    [
      'GET-SUPPORTED-TEMPLATES',
      0,
      'caCACert\ncaOCSPCert\ncaSignedLogCert\ncaSubsystemCert\ncaServerCert\ncaUserCert\ncaAuditSigningCert\ncaTransportCert\ncaStorageCert\n',
    ],
    ['GET-NEW-REQUEST-REQUIREMENTS', 0, 'CERTMONGER_REQ_SUBJECT\n'],
    ['GET-RENEW-REQUEST-REQUIREMENTS', 0, ''],
    ['FETCH-SCEP-CA-CERTS', 6, ''],
    ['FETCH-SCEP-CA-CAPS', 6, ''],
    ['SOMETHING-NEW', 6, ''],
    ['', 6, ''],
  ])('%s needs nothing: exit %i', async (operation, exitCode, stdout) => {
    expect(await runHelper([], operation === '' ? {} : { CERTMONGER_OPERATION: operation })).toEqual({ exitCode, stdout, stderr: '' });
  });

  it('IDENTIFY opens nothing of ours but the entry', () => {
    const trace = path.join(scratch.path, 'trace');
    spawnSync('strace', ['-f', '-e', 'trace=openat', '-o', trace, path.join(installation().executables, 'hsmonger-submit')], {
      env: { CERTMONGER_OPERATION: 'IDENTIFY', PATH: '/usr/bin:/bin' },
    });
    const opened = readFileSync(trace, 'utf8');
    expect(opened).toContain(path.join(installation().executables, 'hsmonger-submit'));
    expect(opened).not.toContain(installation().addons);
  });

  it('FETCH-ROOTS gives the root in the JSON form', async () => {
    const { exitCode, stdout } = await instance.submit({ CERTMONGER_OPERATION: 'FETCH-ROOTS' });
    expect(exitCode).toBe(0);
    const { roots } = JSON.parse(stdout) as Answer;
    expect(roots.map(({ nickname }) => nickname)).toEqual(['Certificate Authority']);
    expect(new X509Certificate(roots[0]!.certificate).fingerprint256).toBe(
      new X509Certificate(authority.certificate(ca).pem).fingerprint256,
    );
  });

  it('SUBMIT issues: JSON, one certificate, the same key, later, under the CA; openssl agrees', async () => {
    const { exitCode, stdout, stderr } = await instance.submit(renewal(ocsp));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const { certificate, chain, roots } = answerOf(stdout);
    const issued = new X509Certificate(certificate);
    const old = new X509Certificate(authority.certificate(ocsp).pem);
    expect(issued.publicKey.equals(old.publicKey)).toBe(true);
    expect(Date.parse(issued.validTo)).toBeGreaterThan(Date.parse(old.validTo));
    expect(issued.subject).toBe(old.subject);
    expect(chain).toEqual([]);
    expect(roots).toHaveLength(1);
    const files = { ca: path.join(scratch.path, 'ca.pem'), leaf: path.join(scratch.path, 'leaf.pem') };
    writeFileSync(files.ca, roots[0]!.certificate);
    writeFileSync(files.leaf, certificate);
    expect(execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', files.ca, files.leaf], { encoding: 'utf8' })).toContain(': OK');
  });

  it('POLL is answered like the SUBMIT it repeats', async () => {
    const first = await instance.submit(renewal(ocsp));
    const poll = await instance.submit(renewal(ocsp, { CERTMONGER_OPERATION: 'POLL', CERTMONGER_CA_COOKIE: 'hsmonger' }));
    expect(poll).toEqual(first);
    expect(issuedRows()).toHaveLength(1);
  });

  it("the CA keeps its key, its identifier and stays a CA, though certmonger's request says CA:FALSE", async () => {
    const { stdout } = await instance.submit(renewal(ca));
    const file = path.join(scratch.path, 'new-ca.pem');
    writeFileSync(file, answerOf(stdout).certificate);
    const text = execFileSync('openssl', ['x509', '-in', file, '-noout', '-ext', 'basicConstraints,subjectKeyIdentifier'], {
      encoding: 'utf8',
    });
    writeFileSync(file, authority.certificate(ca).pem);
    expect(text).toBe(
      execFileSync('openssl', ['x509', '-in', file, '-noout', '-ext', 'basicConstraints,subjectKeyIdentifier'], { encoding: 'utf8' }),
    );
    expect(text).toContain('CA:TRUE');
  });
});

describe('the service user', () => {
  it('issues: its uid is in the ledger, and every file of the state directory is its', async () => {
    await instance.submit(renewal(ocsp));
    expect(issuedRows()).toEqual([expect.objectContaining({ uid: owner.uid, profile: 'caOCSPCert' })]);
    for (const name of readdirSync(instance.state)) expect(statSync(path.join(instance.state, name)).uid, name).toBe(owner.uid);
    expect(statSync(instance.state).mode & 0o777).toBe(0o700);
  });

  it('may run the helper itself', async () => {
    await instance.submit({ CERTMONGER_OPERATION: 'FETCH-ROOTS' });
    expect(await runHelper(instance.flags, renewal(ocsp), { uid: owner.uid, gid: owner.gid })).toMatchObject({ exitCode: 0 });
  });

  it('is the only one but root who may', async () => {
    expect(await runHelper(instance.flags, renewal(ocsp), { uid: 65534, gid: 65534 })).toMatchObject({
      exitCode: 4,
      stdout: expect.stringMatching(/^[^\n]*'pkiuser'[^\n]*'nobody'[^\n]*\n$/u) as string,
    });
  });

  it('missing is one sentence and exit 4', async () => {
    instance.rewrite((toml) => toml.replace('"pkiuser"', '"nosuchuser"'));
    expect(await instance.submit(renewal(ocsp))).toMatchObject({
      exitCode: 4,
      stdout: expect.stringMatching(/^The service user 'nosuchuser' does not exist [^\n]*\n$/u) as string,
    });
  });

  it('is reached through runuser where the instance asks for it', async () => {
    instance.rewrite((toml) => toml.replace('user =', 'drop = "runuser"\nuser ='));
    expect(await instance.submit(renewal(ocsp))).toMatchObject({ exitCode: 0 });
    expect(issuedRows()).toEqual([expect.objectContaining({ uid: owner.uid })]);
  });
});

describe('asked again', () => {
  it('eight times at once, it issues one certificate', async () => {
    const runs = await Promise.all(Array.from({ length: 8 }, () => instance.submit(renewal(ocsp))));
    expect(new Set(runs.map(({ exitCode }) => exitCode))).toEqual(new Set([0]));
    expect(new Set(runs.map(({ stdout }) => answerOf(stdout).certificate)).size).toBe(1);
    expect(issuedRows()).toHaveLength(1);
  });

  it('with the same request written otherwise, it answers the same: key, old certificate and profile decide', async () => {
    const first = answerOf((await instance.submit(renewal(ocsp))).stdout);
    const again = answerOf(
      (
        await instance.submit(
          renewal(ocsp, {
            CERTMONGER_CSR: authority
              .certificate(ocsp)
              .csr.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST')
              .replaceAll('\n', '\r\n'),
          }),
        )
      ).stdout,
    );
    expect(again.certificate).toBe(first.certificate);
  });
});

describe('what is refused gets one clear sentence, and changes nothing', () => {
  const garbage = '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n';
  it.each<[string, () => Record<string, string>, number, RegExp]>([
    [
      'no request',
      () => {
        return without(renewal(ocsp), 'CERTMONGER_CSR');
      },
      2,
      /CERTMONGER_CSR/u,
    ],
    ['garbage for a request', () => renewal(ocsp, { CERTMONGER_CSR: garbage }), 2, /request/u],
    ['a request that is no PEM', () => renewal(ocsp, { CERTMONGER_CSR: 'x' }), 2, /PEM/u],
    ['a request for another key', () => renewal(ocsp, { CERTMONGER_CSR: authority.certificate(ca).csr }), 2, /key/u],
    ['an unknown profile', () => renewal(ocsp, { CERTMONGER_CA_PROFILE: 'caWrong' }), 2, /caWrong/u],
    [
      'no certificate for a system profile',
      () => {
        return without(renewal(ocsp), 'CERTMONGER_CERTIFICATE');
      },
      2,
      /caOCSPCert/u,
    ],
    [
      'a value just under 128 KiB',
      () =>
        renewal(ocsp, {
          CERTMONGER_CSR: `-----BEGIN CERTIFICATE REQUEST-----\n${'A'.repeat(130_000)}\n-----END CERTIFICATE REQUEST-----\n`,
        }),
      2,
      /request/u,
    ],
    [
      'two certificates where one belongs',
      () => renewal(ocsp, { CERTMONGER_CERTIFICATE: authority.certificate(ocsp).pem + authority.certificate(ca).pem }),
      2,
      /exactly one/u,
    ],
  ])('%s', async (_what, variables, exitCode, sentence) => {
    const run = await instance.submit(variables());
    expect(run.exitCode).toBe(exitCode);
    expect(run.stdout).toMatch(sentence);
    expect(run.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(issuedRows()).toEqual([]);
  });

  it('bytes that are no UTF-8', () => {
    const env = { ...renewal(ocsp), PATH: '/usr/bin:/bin' };
    const script = `import os,sys\nenv={k.encode():v.encode() for k,v in ${JSON.stringify(env)}.items()}\nenv[b'CERTMONGER_CSR']=b'-----BEGIN \\xff\\xfe'\nenv[b'CERTMONGER_CA_PROFILE']=b'\\xc3\\x28'\nos.execve(sys.argv[1], sys.argv[1:], env)`;
    const run = spawnSync('python3', ['-c', script, path.join(installation().executables, 'hsmonger-submit'), ...instance.flags], {
      encoding: 'utf8',
    });
    expect(run.status).toBe(2);
    expect(run.stdout.trimEnd().split('\n')).toHaveLength(1);
  });

  it.each<[string, (toml: string) => string, RegExp]>([
    ['a key nobody knows', (toml) => `colour = "red"\n${toml}`, /'colour' is not a key/u],
    ['what is no TOML', () => 'x = = y', /is not TOML/u],
    [
      'a digest nobody knows',
      (toml) => toml.replace('certificate = "caSigning', 'digest = "md5"\ncertificate = "caSigning'),
      /issuer\.digest/u,
    ],
  ])('an instance file with %s: exit 4', async (_what, edit, sentence) => {
    instance.rewrite(edit);
    expect(await instance.submit(renewal(ocsp))).toMatchObject({ exitCode: 4, stdout: expect.stringMatching(sentence) as string });
  });

  it('an instance file others can write: exit 4', async () => {
    chmodSync(instance.file, 0o666);
    expect(await instance.submit(renewal(ocsp))).toMatchObject({
      exitCode: 4,
      stdout: expect.stringContaining('can be written by others') as string,
    });
  });

  it('a flag nobody knows, an instance that is not there, none at all: exit 4', async () => {
    expect(await runHelper(['--bogus'], renewal(ocsp))).toMatchObject({
      exitCode: 4,
      stdout: expect.stringContaining("'--bogus'") as string,
    });
    expect(await runHelper(['--instance', 'none', '--config-dir', instance.configDir], renewal(ocsp))).toMatchObject({
      exitCode: 4,
      stdout: expect.stringContaining('none.toml does not exist') as string,
    });
    expect(await runHelper([], { CERTMONGER_OPERATION: 'SUBMIT' })).toMatchObject({
      exitCode: 4,
      stdout: expect.stringContaining('no instance') as string,
    });
  });

  it('a library in a place others can write, or behind a link there: exit 4', async () => {
    const open = path.join(scratch.path, 'open');
    execFileSync('mkdir', ['-m', '0777', '-p', open]);
    symlinkSync(token.module, path.join(open, 'module.so'));
    instance.rewrite((toml) => toml.replace(token.module, path.join(open, 'module.so')));
    expect(await instance.submit(renewal(ocsp))).toMatchObject({ exitCode: 4, stdout: expect.stringContaining(open) as string });
    rmSync(open, { recursive: true });
  });
});

describe('trouble that passes is exit 5 with our own delay, and its reason is remembered', () => {
  async function expectRetry(seconds: number, code: string): Promise<void> {
    expect(await instance.submit(renewal(ocsp))).toMatchObject({
      exitCode: 5,
      stdout: `${String(seconds)}\nhsmonger\n`,
      stderr: expect.stringContaining(code) as string,
    });
    expect(lastOutcome()).toMatchObject({ code });
  }

  it('a token that is away, and its return', async () => {
    const away = `${token.tokenDirectory}.away`;
    renameSync(token.tokenDirectory, away);
    execFileSync('install', ['-d', '-o', owner.name, '-m', '0700', token.tokenDirectory]);
    await expectRetry(30, 'TOKEN_NOT_FOUND');
    rmSync(token.tokenDirectory, { recursive: true });
    renameSync(away, token.tokenDirectory);
    expect(await instance.submit(renewal(ocsp))).toMatchObject({ exitCode: 0 });
    expect(lastOutcome()).toMatchObject({ code: 'ISSUED' });
  });

  it('a module that is not there, or is none', async () => {
    instance.rewrite((toml) => toml.replace(token.module, '/usr/lib/softhsm/nosuch.so'));
    await expectRetry(60, 'MODULE_NOT_FOUND');
    const bogus = path.join(scratch.path, 'bogus.so');
    writeFileSync(bogus, 'not a library');
    instance.rewrite((toml) => toml.replace('/usr/lib/softhsm/nosuch.so', bogus));
    await expectRetry(60, 'MODULE_FAILED');
  });

  it('a wrong PIN: one attempt, then none until the file changes', async () => {
    const right = readFileSync(token.pinFile);
    writeFileSync(token.pinFile, 'wrong-pin\n');
    await expectRetry(60, 'PIN_INCORRECT');
    await expectRetry(60, 'PIN_KNOWN_BAD');
    writeFileSync(token.pinFile, right);
    expect(await instance.submit(renewal(ocsp))).toMatchObject({ exitCode: 0 });
  });

  it('a PIN file that is missing', async () => {
    renameSync(token.pinFile, `${token.pinFile}.away`);
    await expectRetry(60, 'PIN_SOURCE_MISSING');
    renameSync(`${token.pinFile}.away`, token.pinFile);
  });

  it('a PIN file others can read: an administrator is needed', async () => {
    chmodSync(token.pinFile, 0o644);
    expect(await instance.submit(renewal(ocsp))).toMatchObject({ exitCode: 4, stdout: expect.stringContaining('chmod') as string });
    chmodSync(token.pinFile, 0o600);
  });

  it('a CA certificate that is due itself', async () => {
    const directory = privateDirectory('submit-due');
    const due = await createSoftToken({ directory: directory.path, owner });
    const dueAuthority = await createAuthority(due);
    const dueInstance = createInstance({ directory: directory.path, token: due, certificates: dueAuthority.certificates });
    const { csr, pem, profile } = dueAuthority.certificate(ocsp);
    expect(
      await dueInstance.submit({
        CERTMONGER_OPERATION: 'SUBMIT',
        CERTMONGER_CSR: csr,
        CERTMONGER_CERTIFICATE: pem,
        CERTMONGER_CA_PROFILE: profile,
      }),
    ).toMatchObject({ exitCode: 5, stdout: '15\nhsmonger\n' });
    directory.remove();
  });

  it('a full disk: nothing is answered that is not written down', async () => {
    execFileSync('mkdir', ['-p', instance.stateDir]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0755', 'tmpfs', instance.stateDir]);
    try {
      execFileSync('install', ['-d', '-o', owner.name, '-m', '0700', instance.state]);
      spawnSync('dd', ['if=/dev/zero', `of=${instance.stateDir}/filler`, 'bs=4k']);
      expect(await instance.submit(renewal(ocsp))).toMatchObject({
        exitCode: 5,
        stdout: '60\nhsmonger\n',
        stderr: expect.stringContaining('the disk is full') as string,
      });
      rmSync(`${instance.stateDir}/filler`);
    } finally {
      execFileSync('umount', [instance.stateDir]);
    }
  });

  it("a state directory that is another's", async () => {
    execFileSync('mkdir', ['-p', instance.state]);
    chownSync(instance.state, 65534, 65534);
    expect(await instance.submit(renewal(ocsp))).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('STATE_UNAVAILABLE') as string,
    });
  });
});

describe('a module that misbehaves', () => {
  /** A module that is SoftHSM, but for what `body` does. */
  function compiled(name: string, body: string): string {
    const source = path.join(scratch.path, `${name}.c`);
    const library = path.join(scratch.path, `${name}.so`);
    // CK_FUNCTION_LIST: after the version come C_Initialize (0), … C_SignInit (42), C_Sign (43), in the order of PKCS#11 2.40.
    writeFileSync(
      source,
      `
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
typedef unsigned long rv;
static struct list { unsigned char version[2]; void *call[68]; } mine, *soft;
static rv initialize(void *args) { ${body.includes('INITIALIZE') ? body.replace('INITIALIZE', '') : ''} return ((rv (*)(void *))soft->call[0])(args); }
static rv sign(rv a, void *b, rv c, void *d, void *e) { ${body.includes('SIGN') ? body.replace('SIGN', '') : ''} return ((rv (*)(rv, void *, rv, void *, void *))soft->call[43])(a, b, c, d, e); }
rv C_GetFunctionList(void **out) {
  void *library = dlopen("${token.module}", RTLD_NOW);
  ((rv (*)(void **))dlsym(library, "C_GetFunctionList"))((void **)&soft);
  memcpy(&mine, soft, sizeof mine);
  mine.call[0] = initialize;
  mine.call[43] = sign;
  *out = &mine;
  return 0;
}
`,
    );
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl']);
    return library;
  }

  it.each(['INITIALIZE', 'SIGN'])(
    'by hanging in %s is ended at the deadline, certmonger asked to come back, and the reason kept',
    async (where) => {
      instance.rewrite(
        (toml) =>
          `${toml.replace(token.module, compiled(`hang-${where}`, `${where} for (;;) pause();`))}\n[helper]\ndeadline-seconds = 5\n`,
      );
      expect(await instance.submit(renewal(ocsp))).toMatchObject({ exitCode: 5, stdout: '30\nhsmonger\n' });
      expect(JSON.parse(readFileSync(path.join(instance.state, 'watchdog.json'), 'utf8'))).toMatchObject({
        message: expect.stringContaining('within 5 seconds') as string,
      });
    },
  );

  it.each([
    ['crashing', 'INITIALIZE abort();'],
    ['calling exit(0)', 'INITIALIZE exit(0);'],
    ['calling exit(6)', 'SIGN exit(6);'],
  ])('by %s does not leave the request stuck', async (what, body) => {
    instance.rewrite((toml) => toml.replace(token.module, compiled(what.replace(/\W/gu, ''), body)));
    expect(await instance.submit(renewal(ocsp))).toMatchObject({
      exitCode: 5,
      stdout: '30\nhsmonger\n',
      stderr: expect.stringContaining('without an answer') as string,
    });
  });

  it('by printing on stdout does not spoil the answer', async () => {
    instance.rewrite((toml) => toml.replace(token.module, compiled('chatter', 'SIGN printf("vendor: hello\\n"); fflush(stdout);')));
    const { exitCode, stdout, stderr } = await instance.submit(renewal(ocsp));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: 'vendor: hello\n' });
    expect(answerOf(stdout).certificate).toContain('BEGIN CERTIFICATE');
  });

  it('by printing through runuser does not either', async () => {
    instance.rewrite((toml) =>
      toml
        .replace(token.module, compiled('chatter-runuser', 'SIGN printf("vendor: hello\\n"); fflush(stdout);'))
        .replace('user =', 'drop = "runuser"\nuser ='),
    );
    const { exitCode, stdout } = await instance.submit(renewal(ocsp));
    expect(exitCode).toBe(0);
    expect(answerOf(stdout).certificate).toContain('BEGIN CERTIFICATE');
  });
});

describe('the roots', () => {
  it('are asked for again soon, not after a year, where they cannot be given', async () => {
    instance.rewrite((toml) => toml.replace('certificate = "caSigningCert', 'certificate = "noCert'));
    expect(await instance.submit({ CERTMONGER_OPERATION: 'FETCH-ROOTS' })).toMatchObject({ exitCode: 5 });
    chmodSync(instance.file, 0o666);
    expect(await instance.submit({ CERTMONGER_OPERATION: 'FETCH-ROOTS' })).toMatchObject({ exitCode: 5, stdout: '300\nhsmonger\n' });
  });
});
