import {
  closeSync,
  existsSync,
  linkSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { staysInMemory, swapInClear, wipeFile } from '../../src/platform/memory-file.js';
import { privateDirectory } from '../rig/directory.js';

it('tells memory from a disk, for a directory that is not there yet by the one above it', () => {
  const memory = mkdtempSync('/dev/shm/hsmonger-test-');
  const disk = privateDirectory();
  expect([memory, path.join(memory, 'new'), disk.path, path.join(disk.path, 'new')].map(staysInMemory)).toEqual([true, true, false, false]);
  rmSync(memory, { recursive: true });
  disk.remove();
});

describe('swap', () => {
  const header = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n';
  it.each([
    ['none', '', []],
    ['a partition', '/dev/sda2                               partition\t8388604\t\t0\t\t-2\n', ['/dev/sda2']],
    ['a file', '/swapfile                               file\t8388604\t\t0\t\t-2\n', ['/swapfile']],
    ['an encrypted mapping', '/dev/dm-1                               partition\t8388604\t\t0\t\t-2\n', []],
    ['a mapping that is not', '/dev/dm-2                               partition\t8388604\t\t0\t\t-2\n', ['/dev/dm-2']],
    ['memory itself', '/dev/zram0                               partition\t8388604\t\t0\t\t100\n', []],
  ])('%s', (_case, lines, clear) => {
    expect(swapInClear(header + lines, (device) => ({ '/dev/dm-1': 'CRYPT-PLAIN-swap', '/dev/dm-2': 'LVM-x' })[device])).toEqual(clear);
  });
});

describe('wiping', () => {
  it('leaves nothing of it, for who has it open too', () => {
    const memory = mkdtempSync('/dev/shm/hsmonger-test-');
    const file = path.join(memory, 'pin');
    writeFileSync(file, 'secret-97531');
    linkSync(file, path.join(memory, 'other-name'));
    const descriptor = openSync(file, 'r');
    expect(wipeFile(file)).toBe(true);
    expect(existsSync(file)).toBe(false);
    const seen = Buffer.alloc(12, 1);
    readSync(descriptor, seen, 0, 12, 0);
    closeSync(descriptor);
    expect(seen).toEqual(Buffer.alloc(12));
    expect(readFileSync(path.join(memory, 'other-name'))).toEqual(Buffer.alloc(12));
    expect(wipeFile(file)).toBe(false);
    rmSync(memory, { recursive: true });
  });

  it("follows no link to somebody else's file", () => {
    const memory = mkdtempSync('/dev/shm/hsmonger-test-');
    writeFileSync(path.join(memory, 'theirs'), 'kept');
    symlinkSync('theirs', path.join(memory, 'pin'));
    expect(() => wipeFile(path.join(memory, 'pin'))).toThrow(/ELOOP/u);
    expect(readFileSync(path.join(memory, 'theirs'), 'utf8')).toBe('kept');
    rmSync(memory, { recursive: true });
  });
});
