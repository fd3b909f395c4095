import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pinFileProblem, readPin, type PinFileFacts } from '../../src/pkcs11/pin/pin-source.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';

const root = { uid: 0, gid: 0 };
const tag = (secret: Uint8Array) => `tag(${String(secret.length)})`;
let directory: PrivateDirectory;
let file: string;

beforeEach(() => {
  directory = privateDirectory();
  file = path.join(directory.path, 'pin');
});
afterEach(() => {
  directory.remove();
});

const write = (content: string | Buffer, mode = 0o600) => {
  writeFileSync(file, content, { mode });
};
const read = (reader = root) => readPin({ from: 'file', path: file }, {}, reader, tag);
const failure = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error;

describe('a PIN file', () => {
  it.each([
    ['a line', '1234\n', '1234'],
    ['no line end', '1234', '1234'],
    ['a carriage return', '1234\r\n', '1234'],
    ['blanks, which are part of the PIN', ' 12 34 \n', ' 12 34 '],
    ['further lines', '1234\nsecond\n', '1234'],
    ['other characters', 'grün#€\n', 'grün#€'],
  ])('pass: with %s', (_, content, pin) => {
    write(content);
    expect(read().pin.toString()).toBe(pin);
  });

  it.each([
    ['nothing in it', '', /is empty/u],
    ['an empty first line', '\n1234\n', /first line .* is empty/u],
    ['octets that are not UTF-8', Buffer.from([0x31, 0xff]), /not UTF-8/u],
    ['a NUL', '12\0' + '34', /not UTF-8/u],
    ['more than a PIN', 'x'.repeat(5000), /larger than 4096/u],
  ])('fail: with %s', (_, content, message) => {
    write(content);
    expect(() => read()).toThrow(failure('PIN_SOURCE_INVALID', message));
  });

  it.each([0o604, 0o602, 0o620, 0o666])('fail: with mode %o, saying what to run', (mode) => {
    write('1234\n');
    chmodSync(file, mode);
    expect(() => read()).toThrow(failure('PIN_UNSAFE', /run: chmod 0600 '/u));
  });

  it('fail: missing, or below a file', () => {
    expect(() => read()).toThrow(failure('PIN_SOURCE_MISSING', /There is no PIN file/u));
    expect(() => readPin({ from: 'file', path: '/etc/passwd/pin' }, {}, root, tag)).toThrow(
      failure('PIN_SOURCE_MISSING', /There is no PIN file/u),
    );
  });

  it('fail: a FIFO, without waiting for a writer', () => {
    execFileSync('mkfifo', ['-m', '600', file]);
    expect(() => read()).toThrow(failure('PIN_SOURCE_INVALID', /not a regular file/u));
  });

  it('fail: a directory', () => {
    mkdirSync(file, { mode: 0o700 });
    expect(() => read()).toThrow(failure('PIN_SOURCE_INVALID', /not a regular file/u));
  });

  it("fail: somebody else's, or below a directory others can write", () => {
    write('1234\n');
    chownSync(file, ensureServiceUser().uid, 0);
    expect(() => read()).toThrow(failure('PIN_UNSAFE', /belongs to uid \d+.*chown 0:0/u));
    chownSync(file, 0, 0);
    chmodSync(directory.path, 0o777);
    expect(() => read()).toThrow(failure('PIN_UNSAFE', /could be replaced by others/u));
  });

  it('may be a trusted symbolic link', () => {
    write('1234\n');
    const link = path.join(directory.path, 'link');
    symlinkSync('pin', link);
    expect(readPin({ from: 'file', path: link }, {}, root, tag).pin.toString()).toBe('1234');
  });

  it('has another identity once it is written, replaced or touched by chmod, and the same otherwise', () => {
    write('1234\n');
    const first = read().identity;
    expect(read().identity).toBe(first);
    write('1235\n');
    const second = read().identity;
    chmodSync(file, 0o400);
    const third = read().identity;
    writeFileSync(`${file}.new`, '1234\n', { mode: 0o600 });
    renameSync(`${file}.new`, file);
    expect(new Set([first, second, third, read().identity]).size).toBe(4);
  });

  const facts: PinFileFacts = { regular: true, size: 5, uid: 991, gid: 990, mode: 0o100600 };
  const reader = { uid: 991, gid: 990 };
  it.each<[string, Partial<PinFileFacts>]>([
    ['its own', {}],
    ["root's, readable through its group", { uid: 0, mode: 0o100640 }],
    ["its own, readable by root's group (a systemd credential's ACL)", { gid: 0, mode: 0o100440 }],
  ])('pass: the service user can use %s', (_, more) => {
    expect(pinFileProblem('/p', { ...facts, ...more }, reader)).toBeUndefined();
  });
  it.each<[string, Partial<PinFileFacts>, string, RegExp]>([
    ["root's alone", { uid: 0, gid: 0 }, 'PIN_SOURCE_INVALID', /cannot be read by uid 991/u],
    ["another's", { uid: 5 }, 'PIN_UNSAFE', /belongs to uid 5/u],
    ["readable by another's group", { gid: 7, mode: 0o100640 }, 'PIN_UNSAFE', /mode 0640.*chmod 0600/u],
    ["root's, open to all", { uid: 0, mode: 0o100644 }, 'PIN_UNSAFE', /chmod 0640/u],
    ['writable by its own group', { mode: 0o100660 }, 'PIN_UNSAFE', /mode 0660/u],
    ['unreadable for itself', { mode: 0o100200 }, 'PIN_SOURCE_INVALID', /cannot be read/u],
  ])('fail: the service user cannot use %s', (_, more, code, sentence) => {
    expect(pinFileProblem('/p', { ...facts, ...more }, reader)).toEqual({ code, sentence: expect.stringMatching(sentence) as string });
  });
});

describe('a PIN variable', () => {
  const source = { from: 'environment', variable: 'TOKEN_PIN' } as const;
  it('is remembered by a tag only', () => {
    const { pin, identity } = readPin(source, { TOKEN_PIN: '1234' }, root, tag);
    expect(pin.toString()).toBe('1234');
    expect(identity).toBe('environment:tag(4)');
  });
  it('must be set, and not empty', () => {
    expect(() => readPin(source, {}, root, tag)).toThrow(failure('PIN_SOURCE_MISSING', /TOKEN_PIN is not set/u));
    expect(() => readPin(source, { TOKEN_PIN: '' }, root, tag)).toThrow(failure('PIN_SOURCE_INVALID', /empty/u));
  });
});

describe('an unlocked PIN', () => {
  const source = () => ({ from: 'unlocked', path: file, instance: 'hsmonger' }) as const;
  it('is a PIN file like any other while it is there', () => {
    write('1234\n', 0o400);
    expect(readPin(source(), {}, root, tag)).toMatchObject({ identity: expect.stringMatching(/^file:/u) as string });
    chmodSync(file, 0o444);
    expect(() => readPin(source(), {}, root, tag)).toThrow(failure('PIN_UNSAFE', /chmod 0600/u));
  });
  it('is locked while it is not, and the sentence says how to unlock this instance', () => {
    expect(() => readPin(source(), {}, root, tag)).toThrow(failure('PIN_SOURCE_MISSING', /^The PIN is locked: run 'hsmonger unlock'; /u));
    expect(() => readPin({ ...source(), instance: 'kra', credential: 'pin' }, {}, root, tag)).toThrow(
      failure('PIN_SOURCE_MISSING', /run 'hsmonger unlock --instance kra', or start the agent with the systemd credential 'pin'/u),
    );
  });
  it("is read from systemd's directory by a process that has the credential itself", () => {
    write('1234\n', 0o400);
    const elsewhere = { ...source(), path: path.join(directory.path, 'not-there'), credential: 'pin' };
    expect(readPin(elsewhere, { CREDENTIALS_DIRECTORY: directory.path }, root, tag).pin.toString()).toBe('1234');
    expect(() => readPin({ ...elsewhere, credential: 'another' }, { CREDENTIALS_DIRECTORY: directory.path }, root, tag)).toThrow(
      failure('PIN_SOURCE_MISSING', /is locked/u),
    );
  });
});
