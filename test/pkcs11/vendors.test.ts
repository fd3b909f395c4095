import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findModules, knownPaths, libraryDirectories } from '../../src/pkcs11/module/vendors.js';

/** Debian's multiarch names (https://wiki.debian.org/Multiarch/Tuples), and whether 64-bit libraries have a directory of their own elsewhere. */
const architectures = {
  x64: ['x86_64-linux-gnu', true],
  arm64: ['aarch64-linux-gnu', true],
  arm: ['arm-linux-gnueabihf', false],
  ppc64: ['powerpc64le-linux-gnu', true],
  s390x: ['s390x-linux-gnu', true],
  riscv64: ['riscv64-linux-gnu', true],
} as const;

it('all architectures are looked at', () => {
  expect(Object.keys(libraryDirectories).sort()).toEqual(Object.keys(architectures).sort());
});

describe.each(Object.entries(architectures))('%s', (architecture, [tuple, wide]) => {
  const known = knownPaths(architecture as NodeJS.Architecture);

  it("has SoftHSM's and OpenSC's libraries where Debian puts them", () => {
    expect(known).toContain('/usr/lib/softhsm/libsofthsm2.so');
    expect(known).toContain(`/usr/lib/${tuple}/softhsm/libsofthsm2.so`);
    expect(known).toContain(`/usr/lib/${tuple}/opensc-pkcs11.so`);
    expect(known).toContain(`/usr/lib/${tuple}/pkcs11/opensc-pkcs11.so`);
  });

  it('and where Fedora, SUSE and builds by hand put them, and nothing of another architecture', () => {
    expect(known.includes('/usr/lib64/pkcs11/libsofthsm2.so')).toBe(wide);
    expect(known).toContain('/usr/local/lib/softhsm/libsofthsm2.so');
    expect(known.filter((file) => file.includes('-linux-gnu') && !file.includes(`/${tuple}/`))).toEqual([]);
    expect(known.every((file) => file.startsWith('/') && !file.includes('{'))).toBe(true);
  });
});

it('an architecture nobody has listed has the directories all have', () => {
  expect(knownPaths('mips')).toEqual(expect.arrayContaining(['/usr/lib64/softhsm/libsofthsm2.so', '/usr/lib/softhsm/libsofthsm2.so']));
});

it("this machine's is what Debian says it is, and SoftHSM's library is found by it", () => {
  const [tuple] = architectures[process.arch as keyof typeof architectures];
  expect(existsSync(`/usr/lib/${tuple}`)).toBe(true);
  expect(findModules().map(({ product }) => product)).toContain('SoftHSM2');
});
