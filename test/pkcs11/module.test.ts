import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pkcs11js from 'pkcs11js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModule } from '../../src/pkcs11/module/module.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { createSoftToken, softHsmModule, type SoftToken } from '../rig/soft-token.js';

let directory: PrivateDirectory;
let token: SoftToken;
const within = (name: string) => path.join(directory.path, name);
const failure = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error;
const open = (module: string) => () => openModule({ module, environment: {} });

/** A shared library from a few lines of C. */
function library(name: string, source: string): string {
  writeFileSync(within(`${name}.c`), source);
  execFileSync('gcc', ['-shared', '-fPIC', '-o', within(`${name}.so`), within(`${name}.c`)]);
  return within(`${name}.so`);
}

beforeAll(async () => {
  directory = privateDirectory();
  token = await createSoftToken({ directory: directory.path });
});
afterAll(() => {
  directory.remove();
});

describe('a PKCS#11 module', () => {
  it('has its native addon loaded with the code that uses it', () => {
    const script = `import ${JSON.stringify(path.resolve('src/pkcs11/module/module.ts'))}; import { readFileSync } from 'node:fs'; console.log(readFileSync('/proc/self/maps', 'utf8'));`;
    expect(execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { encoding: 'utf8' })).toMatch(
      /pkcs11\.node/u,
    );
  });

  it('is refused before it is loaded when it is missing', () => {
    expect(open(within('none.so'))).toThrow(failure('MODULE_NOT_FOUND', /There is no PKCS#11 module/u));
    symlinkSync('none.so', within('dangling.so'));
    expect(open(within('dangling.so'))).toThrow(failure('MODULE_NOT_FOUND', /There is no PKCS#11 module/u));
  });

  it('is refused before it is loaded when it is not one', () => {
    writeFileSync(within('text.so'), 'GROUP ( /lib/libc.so.6 )\n');
    expect(open(within('text.so'))).toThrow(failure('MODULE_FAILED', /no ELF file/u));
    writeFileSync(within('empty.so'), '');
    expect(open(within('empty.so'))).toThrow(failure('MODULE_FAILED', /no ELF file/u));
    expect(open(directory.path)).toThrow(failure('MODULE_FAILED', /not a regular file/u));
    const foreign = readFileSync(softHsmModule);
    foreign.writeUInt16LE(0x16, 18); // EM_S390
    writeFileSync(within('foreign.so'), foreign);
    expect(open(within('foreign.so'))).toThrow(failure('MODULE_FAILED', /another kind of processor/u));
    const plain = library('plain', 'void __attribute__((constructor)) run(void) { __builtin_trap(); }');
    expect(open(plain)).toThrow(failure('MODULE_FAILED', /no C_GetFunctionList/u));
  });

  it('that fails to load leaves the process alive and able to load another', () => {
    const failing = library('failing', 'unsigned long C_GetFunctionList(void **list) { *list = 0; return 5; }');
    expect(open(failing)).toThrow(failure('MODULE_FAILED', /CKR_GENERAL_ERROR|failed/u));
    const lacking = library(
      'lacking',
      'extern void nowhere(void); void *keep = nowhere; unsigned long C_GetFunctionList(void **list) { nowhere(); return 0; }',
    );
    expect(open(lacking)).toThrow(failure('MODULE_FAILED', /undefined symbol: nowhere/u));
    const good = openModule(token);
    expect(good.cryptoki.C_GetSlotList(true).length).toBeGreaterThan(0);
    good.release();
  });

  it('is refused when others could replace it, or a link or directory on the way', () => {
    const { uid, gid } = ensureServiceUser();
    for (const [name, spoil] of [
      [
        'writable.so',
        (file: string) => {
          chmodSync(file, 0o775);
        },
      ],
      [
        'owned.so',
        (file: string) => {
          chownSync(file, uid, gid);
        },
      ],
    ] as const) {
      copyFileSync(softHsmModule, within(name));
      spoil(within(name));
      expect(open(within(name))).toThrow(failure('MODULE_UNSAFE', new RegExp(`${name} (?:is owned by|can be written)`, 'u')));
    }
    mkdirSync(within('loose'));
    chmodSync(within('loose'), 0o777);
    symlinkSync(softHsmModule, within('loose/link.so'));
    symlinkSync('loose/link.so', within('link.so'));
    expect(open(within('link.so'))).toThrow(failure('MODULE_UNSAFE', /loose can be written by others/u));
    symlinkSync(softHsmModule, within('good.so'));
    const linked = openModule({ module: within('good.so'), environment: token.environment });
    // Failed PINs are remembered by it, whatever link leads there.
    expect(linked.file).toBe(realpathSync(softHsmModule));
    linked.release();
  });

  it('gets its environment first, and its parameters to the last character', () => {
    // What the module was told, in the file it was told of. CK_C_INITIALIZE_ARGS with NSS's LibraryParameters in the fifth place.
    const telling = library(
      'telling',
      `#include <stdio.h>
       #include <stdlib.h>
       struct args { void *create, *destroy, *lock, *unlock; unsigned long flags; char *parameters; };
       static unsigned long initialize(struct args *args) {
         FILE *file = fopen(getenv("TELL_WHERE"), "w");
         fprintf(file, "%s|%lu", args->parameters ? args->parameters : "none", args->flags);
         fclose(file);
         return 0;
       }
       static unsigned long other(void) { return 0x54; }
       static struct { unsigned char version[2]; void *functions[68]; } list;
       unsigned long C_GetFunctionList(void **out) {
         for (int n = 1; n < 68; n++) list.functions[n] = other;
         list.functions[0] = initialize;
         *out = &list;
         return 0;
       }`,
    );
    const environment = { TELL_WHERE: within('told') };
    openModule({ module: telling, parameters: "configdir='sql:/etc/x' flags=readOnly", environment }).release();
    expect(readFileSync(within('told'), 'utf8')).toMatch(/^configdir='sql:\/etc\/x' flags=readOnly ?\|2$/u);
    openModule({ module: telling, environment }).release();
    expect(readFileSync(within('told'), 'utf8')).toBe('none|2');
  });

  it('stays initialised until its last user has released it, and takes other settings only then', async () => {
    const first = openModule(token);
    const second = openModule(token);
    first.release();
    first.release();
    expect(second.cryptoki.C_GetSlotList(true).length).toBeGreaterThan(0);
    const elsewhere = await createSoftToken({ directory: mkdirSync(within('elsewhere'), { recursive: true })!, label: 'other' });
    expect(() => openModule(elsewhere)).toThrow(failure('MODULE_FAILED', /in use in this process with another/u));
    second.release();
    expect(() => second.cryptoki.C_GetSlotList(true)).toThrow('CKR_CRYPTOKI_NOT_INITIALIZED');
    const third = openModule(elsewhere);
    expect(third.cryptoki.C_GetTokenInfo(third.cryptoki.C_GetSlotList(true)[0]!).label.trim()).toBe('other');
    third.release();
  });

  it('that somebody else in the process has initialised is used, and not finalised', () => {
    const theirs = new pkcs11js.PKCS11();
    Object.assign(process.env, token.environment);
    theirs.load(softHsmModule);
    theirs.C_Initialize();
    openModule(token).release();
    expect(theirs.C_GetSlotList(true).length).toBeGreaterThan(0);
    theirs.C_Finalize();
  });
});
