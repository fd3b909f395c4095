import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { configFile, readDirectives, setDirectives } from '../../src/pki-config/cs-cfg.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

let place: PrivateDirectory;
let file: string;
const old = Buffer.from('ca.signing.cert=OLD==\nca.name=caf\xe9 \xff\nkra=\n', 'latin1');
const renewed = Buffer.from('ca.signing.cert=NEW==\nca.name=caf\xe9 \xff\nkra=\n', 'latin1');
const change = [{ name: 'ca.signing.cert', value: 'NEW==' }];

beforeEach(() => {
  place = privateDirectory('cs-cfg');
  file = configFile(place.path, 'ca');
  mkdirSync(path.dirname(file));
  writeFileSync(file, old);
  chmodSync(file, 0o660);
});
afterEach(() => {
  place.remove();
});

const names = () => readdirSync(path.dirname(file)).sort();

test('the file changes byte for byte where it should, keeps owner and mode, and the one before is kept beside it', () => {
  chownSync(file, 12345, 54321);
  expect(setDirectives(file, change)).toBe('updated');
  expect(readFileSync(file).equals(renewed)).toBe(true);
  expect(readFileSync(`${file}.hsmongerbkp`).equals(old)).toBe(true);
  for (const one of [file, `${file}.hsmongerbkp`]) expect(statSync(one)).toMatchObject({ uid: 12345, gid: 54321, mode: 0o100660 });
  expect(names()).toEqual(['CS.cfg', 'CS.cfg.hsmongerbkp']);
});

test('asked again, nothing changes: neither the file nor what was kept', () => {
  setDirectives(file, change);
  const { ino, mtimeMs } = statSync(file);
  expect(setDirectives(file, change)).toBe('already there');
  expect(statSync(file)).toMatchObject({ ino, mtimeMs });
  expect(readFileSync(`${file}.hsmongerbkp`).equals(old)).toBe(true);
});

test('a subsystem or a directive that is not there is left out', () => {
  expect(setDirectives(configFile(place.path, 'kra'), change)).toBe('not there');
  expect(setDirectives(file, [{ name: 'ca.connector.KRA.transportCert', value: 'NEW==' }])).toBe('not there');
  expect(names()).toEqual(['CS.cfg']);
  expect(existsSync(path.join(place.path, 'kra'))).toBe(false);
});

test('a link stays one, and what a killed process left goes', () => {
  const link = path.join(place.path, 'CS.cfg');
  symlinkSync(file, link);
  const left = path.join(path.dirname(file), '.hsmonger.CS.cfg.123.0123456789abcdef');
  writeFileSync(left, 'half');
  expect(setDirectives(link, change)).toBe('updated');
  expect(readFileSync(file).equals(renewed)).toBe(true);
  expect(readFileSync(link).equals(renewed)).toBe(true);
  expect(names()).toEqual(['CS.cfg', 'CS.cfg.hsmongerbkp']);
});

test('what is no file is one sentence', () => {
  const directory = configFile(place.path, 'kra');
  mkdirSync(directory, { recursive: true });
  expect(() => setDirectives(directory, change)).toThrow(
    expect.objectContaining({
      code: 'PKI_CONFIG_FAILED',
      message: expect.stringMatching(/^Cannot change ca\.signing\.cert in .*not a file.*\.$/u) as string,
    }),
  );
});

test('directives are read as they stand, and nothing is changed for it', () => {
  expect([...readDirectives(file, ['ca.signing.cert', 'ca.nothing'])]).toEqual([
    ['ca.signing.cert', 'OLD=='],
    ['ca.nothing', undefined],
  ]);
  expect([...readDirectives(configFile(place.path, 'kra'), ['ca.signing.cert'])]).toEqual([['ca.signing.cert', undefined]]);
  expect(names()).toEqual(['CS.cfg']);
});
