/**
 * What no software token can be made to answer: a change of the PIN that ends in doubt. Files and journal are real, the token is played.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Directories, Instance } from '../../../src/config/instance.js';
import { parseInstance } from '../../../src/config/schema.js';
import { HsmongerError, type ErrorCode } from '../../../src/errors.js';
import { besidePinFile } from '../../../src/pkcs11/pin/pin-source.js';
import { writeDurably } from '../../../src/platform/durable-file.js';
import { wipeFile } from '../../../src/platform/memory-file.js';
import type { askService } from '../../../src/service/ask.js';
import { changePin, finishPinChange, type Hands } from '../../../src/service/pin/change.js';
import { forgetPinChange, pinChanges, writePinChange } from '../../../src/service/pin/change-journal.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';

let scratch: PrivateDirectory;
let directories: Directories;
let instance: Instance;
let file: string;
let asked: string[];

beforeEach(() => {
  scratch = privateDirectory();
  directories = { config: scratch.path, state: path.join(scratch.path, 'state') };
  mkdirSync(path.join(directories.state, '.pin-changes'), { recursive: true });
  file = path.join(scratch.path, 'pin');
  writeFileSync(file, 'old-pin\n');
  chmodSync(file, 0o640);
  instance = parseInstance('hsmonger', '/x', {
    token: { label: 't', module: '/m', 'pin-file': file },
    nss: { database: '/' },
    issuer: { type: 'external', certificate: 'x' },
  });
  asked = [];
});
afterEach(() => {
  scratch.remove();
});

/** What the token says: to the change, to the new PIN, to the old one. */
function hands(change: ErrorCode | 'ok', next: ErrorCode | 'ok', old: ErrorCode | 'ok'): Hands {
  const ask = (to: { readonly instance: Instance }, task: string) => {
    const pin = to.instance.token?.pin;
    const what = task === 'change token PIN' ? 'change' : pin?.from === 'file' && pin.path === besidePinFile(file).next ? 'new' : 'old';
    asked.push(what);
    const answer = { change, new: next, old }[what];
    return answer === 'ok' ? Promise.resolve(undefined) : Promise.reject(new HsmongerError(answer, `${what} said ${answer}`));
  };
  return {
    ask: ask as unknown as typeof askService,
    note: writePinChange,
    forget: forgetPinChange,
    write: writeDurably,
    rename: renameSync,
    wipe: wipeFile,
  };
}
const change = (played: Hands, quiet = () => Promise.resolve()) =>
  changePin({ instance, directories }, [file], Buffer.from('new-pin'), quiet, played);
const content = () => (existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined);
const clean = () => !existsSync(besidePinFile(file).old) && !existsSync(besidePinFile(file).next) && pinChanges(directories).length === 0;

it.each<[string, Parameters<typeof hands>, string | undefined, string | undefined, string[]]>([
  ['it took the new PIN', ['ok', 'ok', 'PIN_INCORRECT'], undefined, 'new-pin', ['change', 'new']],
  ['it said no for certain: nobody asks on', ['PIN_NOT_CHANGED', 'ok', 'ok'], 'PIN_NOT_CHANGED', 'old-pin', ['change']],
  ['it gave no clear answer and has the new PIN', ['TOKEN_FAILED', 'ok', 'PIN_INCORRECT'], undefined, 'new-pin', ['change', 'new']],
  [
    'it gave no clear answer and has the old PIN',
    ['TOKEN_FAILED', 'PIN_INCORRECT', 'ok'],
    'TOKEN_FAILED',
    'old-pin',
    ['change', 'new', 'old'],
  ],
  ['it said yes and lied', ['ok', 'PIN_INCORRECT', 'ok'], 'PIN_NOT_CHANGED', 'old-pin', ['change', 'new', 'old']],
])('%s', async (_case, answers, code, pin, questions) => {
  const end = change(hands(...answers));
  await (code === undefined ? expect(end).resolves.toBeUndefined() : expect(end).rejects.toMatchObject({ code }));
  expect([content(), clean(), asked]).toEqual([pin, true, questions]);
});

it('a token that went away in the middle is asked again later; meanwhile nobody finds a PIN', async () => {
  await expect(change(hands('SESSION_LOST', 'TOKEN_NOT_FOUND', 'TOKEN_NOT_FOUND'))).rejects.toMatchObject({ code: 'TOKEN_NOT_FOUND' });
  expect(content()).toBeUndefined();
  const [left] = pinChanges(directories);
  expect(left).toEqual({ instance: 'hsmonger', step: 'changing', files: [file] });
  expect(await finishPinChange({ instance, directories }, left!, hands('ok', 'ok', 'ok'))).toBe('changed');
  expect([content(), clean()]).toEqual(['new-pin', true]);
});

it('a token that takes neither is told of, with the file to write; once somebody has, that one stays', async () => {
  await expect(change(hands('TOKEN_FAILED', 'PIN_INCORRECT', 'PIN_INCORRECT'))).rejects.toMatchObject({
    code: 'PIN_KNOWN_BAD',
    message: expect.stringContaining(`Write the right one into ${file}`) as string,
  });
  expect(content()).toBeUndefined();
  const [left] = pinChanges(directories);
  const again = hands('ok', 'PIN_KNOWN_BAD', 'PIN_KNOWN_BAD');
  await expect(finishPinChange({ instance, directories }, left!, again)).rejects.toMatchObject({ code: 'PIN_KNOWN_BAD' });
  writeFileSync(file, 'third-pin\n');
  expect(await finishPinChange({ instance, directories }, left!, again)).toBe('undone');
  expect([content(), clean()]).toEqual(['third-pin', true]);
});

it('certmonger that does not let go of the token is waited for in vain: nothing was changed', async () => {
  await expect(change(hands('ok', 'ok', 'ok'), () => Promise.reject(new HsmongerError('STATE_BUSY', 'it works')))).rejects.toMatchObject({
    code: 'PIN_NOT_CHANGED',
    message: 'The token keeps its PIN, and everything is as it was: it works',
  });
  expect([content(), clean(), asked]).toEqual(['old-pin', true, []]);
});

it('PINs that were in memory and are gone with it are given up', async () => {
  writePinChange(directories, { instance: 'hsmonger', step: 'changing', files: [path.join(scratch.path, 'gone')] });
  expect(await finishPinChange({ instance, directories }, pinChanges(directories)[0]!, hands('ok', 'ok', 'ok'))).toBe('lost');
  expect([clean(), asked]).toEqual([true, []]);
});

it('PINs that are gone with the memory are not asked for once somebody has unlocked: that PIN stays', async () => {
  writePinChange(directories, { instance: 'hsmonger', step: 'changing', files: [file] });
  const left = pinChanges(directories)[0]!;
  expect(await finishPinChange({ instance, directories }, left, hands('ok', 'PIN_SOURCE_MISSING', 'PIN_SOURCE_MISSING'))).toBe(
    'written anew',
  );
  expect([content(), clean(), asked]).toEqual(['old-pin', true, []]);
});
