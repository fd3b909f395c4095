import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pinFileOf } from '../../../src/agent/heal/pin-file.js';
import { asideName } from '../../../src/pkcs11/pin/pin-aside.js';
import { besidePinFile } from '../../../src/pkcs11/pin/pin-source.js';
import { doctorInstance } from '../../doctor/facts.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'pin-file-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

test('an older refusal is not why the file is away while the PIN is being changed', () => {
  const file = path.join(directory, 'pin');
  const { token } = doctorInstance;
  const pin = pinFileOf({
    instance: { ...doctorInstance, token: { ...token!, pin: { from: 'file', path: file } } },
    directories: { config: directory, state: directory },
  });
  writeFileSync(asideName(file), 'refused');
  expect(pin?.movedTo()).toBe(asideName(file));
  const { old } = besidePinFile(file);
  writeFileSync(old, 'before');
  expect(pin?.movedTo()).toBeUndefined();
  rmSync(old);
  writeFileSync(file, 'new');
  expect(pin?.movedTo()).toBeUndefined();
});
