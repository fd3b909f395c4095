import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTokenProber, type TokenProber } from '../../../src/agent/probe/token-prober.js';
import type { TokenConfig } from '../../../src/config/instance.js';
import type { TokenProbe } from '../../../src/diagnosis/probe.js';
import { openPinGuard } from '../../../src/ledger/pins.js';
import { createAuthority, type Authority } from '../../rig/authority.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { createSoftToken, softHsmModule, type SoftToken } from '../../rig/soft-token.js';

/** OpenSC's module that writes every call to a file and passes it on. */
const spy = '/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so';
const nicknames = ['caSigningCert cert-pki-ca', 'ocspSigningCert cert-pki-ca'];

/** The spy reads its variables once in a process, and appends. */
const spied = privateDirectory();
const log = path.join(spied.path, 'spy');
let directory: PrivateDirectory;
let soft: SoftToken;
let authority: Authority;
let guard: ReturnType<typeof openPinGuard>;
let eyes: TokenProber;

beforeEach(async () => {
  directory = privateDirectory();
  soft = await createSoftToken({ directory: directory.path });
  authority = await createAuthority(soft, {
    certificates: [
      { nickname: nicknames[0]!, profile: 'caCACert', subject: [{ CN: ['CA'] }] },
      { nickname: nicknames[1]!, profile: 'caOCSPCert', subject: [{ CN: ['OCSP'] }] },
    ],
  });
  guard = openPinGuard(path.join(directory.path, 'pins.sqlite'));
  eyes = eyesWith({ from: 'file', path: soft.pinFile });
});
afterEach(async () => {
  await eyes.close();
  guard.close();
  directory.remove();
  writeFileSync(log, '');
});
afterAll(() => {
  spied.remove();
});

const eyesWith = (pin: TokenConfig['pin']) =>
  createTokenProber({
    token: {
      selector: { by: 'label', label: soft.label },
      module: spy,
      environment: { ...soft.environment, PKCS11SPY: soft.module, PKCS11SPY_OUTPUT: log },
      pin,
    },
    nicknames,
    pins: guard,
    env: {},
    onStep: () => undefined,
  });
const look = async (how: Partial<Parameters<TokenProber['look']>[0]> = {}) => (await eyes.look({ sign: false, anew: false, ...how })).probe;
const calls = (name: string) => readFileSync(log, 'utf8').match(new RegExp(`: ${name}$`, 'gmu'))?.length ?? 0;
const tool = (...args: string[]) =>
  execFileSync('pkcs11-tool', ['--module', softHsmModule, '--token-label', soft.label, ...args], {
    env: { ...process.env, ...soft.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const present = (probe: TokenProbe) => {
  if (probe.state !== 'present') throw new Error(`The token is away: ${probe.problem}`);
  return probe;
};

describe('a session that stays', () => {
  it('proves every key once and is asked two hundred times without another session, login or signature', async () => {
    const first = await eyes.look({ sign: true, anew: false });
    expect(first.signatures).toBe(2);
    expect(present(first.probe)).toMatchObject({
      pin: 'fine',
      login: { state: 'proven', source: expect.stringMatching(/^file:/u) as string },
      keys: { [nicknames[0]!]: { ok: true }, [nicknames[1]!]: { ok: true } },
    });
    for (let count = 0; count < 200; count += 1) expect(await look()).toEqual(first.probe);
    expect([calls('C_OpenSession'), calls('C_Login'), calls('C_Sign')]).toEqual([1, 1, 2]);
  });

  it('leaves none behind when it is opened anew again and again', async () => {
    for (let count = 0; count < 20; count += 1) expect(present(await look({ anew: true })).login.state).toBe('proven');
    await eyes.close();
    expect([calls('C_OpenSession'), calls('C_CloseSession'), calls('C_Finalize'), calls('C_Sign')]).toEqual([20, 20, 20, 0]);
  });

  it('notices a token that is away, and that it is back, though the module itself never would', async () => {
    await look();
    renameSync(soft.tokenDirectory, `${soft.tokenDirectory}.away`);
    expect(await look()).toMatchObject({
      state: 'away',
      code: expect.stringMatching(/^(?:TOKEN_NOT_FOUND|MODULE_FAILED)$/u) as string,
      problem: expect.stringMatching(/\.$/u) as string,
    });
    expect(await look()).toMatchObject({ state: 'away' });
    renameSync(`${soft.tokenDirectory}.away`, soft.tokenDirectory);
    expect(present(await look())).toMatchObject({ login: { state: 'proven' } });
  });

  it('notices a token made anew under the same label, whose keys are gone', async () => {
    await look();
    execFileSync(
      'softhsm2-util',
      ['--init-token', '--token', soft.label, '--label', soft.label, '--pin', soft.pin, '--so-pin', soft.soPin],
      { env: { ...process.env, ...soft.environment } },
    );
    expect(present(await look())).toMatchObject({
      login: { state: 'proven' },
      keys: { [nicknames[0]!]: { ok: false, code: 'CERTIFICATE_NOT_FOUND' } },
    });
  });

  it('notices one key destroyed by others, names it alone, and that it is gone still', async () => {
    await look({ sign: true });
    tool('--login', '--pin', soft.pin, '--delete-object', '--type', 'privkey', '--id', authority.certificate(nicknames[1]!).keyId);
    const expected = { [nicknames[0]!]: { ok: true }, [nicknames[1]!]: { ok: false, code: 'KEY_NOT_FOUND' } };
    expect(present(await look()).keys).toMatchObject(expected);
    expect(present(await look()).keys).toMatchObject(expected);
    expect(calls('C_Login')).toBe(2);
  });
});

describe('the PIN', () => {
  it('changed by others costs one attempt however often is looked, and is proven once the file is written anew', async () => {
    const { login } = present(await look());
    const source = (login as Extract<typeof login, { state: 'proven' }>).source;
    tool('--login', '--pin', soft.pin, '--change-pin', '--new-pin', 'another-pin');
    // The module takes the old one in a process that is logged in: only new eyes see it.
    expect(present(await look()).login.state).toBe('proven');
    expect(present(await look({ sign: true })).login).toMatchObject({ state: 'refused', code: 'PIN_INCORRECT', source });
    for (let count = 0; count < 5; count += 1)
      expect(present(await look({ anew: count % 2 === 0, sign: true }))).toMatchObject({
        pin: 'count-low',
        login: { state: 'refused', code: 'PIN_KNOWN_BAD', source },
      });
    expect(calls('C_Login')).toBe(2);
    writeFileSync(soft.pinFile, 'another-pin\n');
    expect(present(await look())).toMatchObject({ pin: 'fine', login: { state: 'proven' } });
    expect(calls('C_Login')).toBe(3);
  });

  it('refused to another program is proven again at once: that program may have had ours', async () => {
    await look();
    expect(() => tool('--login', '--pin', 'nonsense', '-O')).toThrow();
    expect(present(await look())).toMatchObject({ pin: 'fine', login: { state: 'proven' } });
    await look();
    expect(calls('C_Login')).toBe(2);
  });

  it('that is written anew while the session lives is proven then', async () => {
    await look();
    writeFileSync(soft.pinFile, 'wrong\n');
    expect(present(await look()).login).toMatchObject({ state: 'refused', code: 'PIN_INCORRECT' });
    writeFileSync(soft.pinFile, `${soft.pin}\n`);
    expect(present(await look()).login.state).toBe('proven');
  });

  it('that was taken away is told, and nothing of ours stays logged in', async () => {
    await look();
    rmSync(soft.pinFile);
    expect(present(await look()).login).toMatchObject({ state: 'no PIN', code: 'PIN_SOURCE_MISSING' });
    expect([calls('C_OpenSession'), calls('C_CloseSession'), calls('C_Finalize')]).toEqual([1, 1, 1]);
    expect(present(await look()).login).toMatchObject({ state: 'no PIN', code: 'PIN_SOURCE_MISSING' });
    writeFileSync(soft.pinFile, `${soft.pin}\n`, { mode: 0o600 });
    expect(present(await look()).login.state).toBe('proven');
    expect(calls('C_Login')).toBe(2);
  });

  it('that was locked ends the session', async () => {
    const pin = path.join(directory.path, 'unlocked.pin');
    writeFileSync(pin, `${soft.pin}\n`, { mode: 0o600 });
    eyes = eyesWith({ from: 'unlocked', path: pin, instance: 'hsmonger' });
    expect(present(await look()).login.state).toBe('proven');
    rmSync(pin);
    expect(present(await look()).login).toMatchObject({ state: 'no PIN', code: 'PIN_SOURCE_MISSING' });
    expect(calls('C_OpenSession') - calls('C_CloseSession')).toBe(0);
    expect(calls('C_Initialize') - calls('C_Finalize')).toBe(0);
    writeFileSync(pin, `${soft.pin}\n`, { mode: 0o600 });
    expect(present(await look()).login.state).toBe('proven');
  });
});
