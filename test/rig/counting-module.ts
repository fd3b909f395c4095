import { chmodSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compileLibrary } from './compile.js';

/** The token's module behind one that counts logins, whoever makes them: certmonger's children and processes of ours alike. */
export interface CountingModule {
  /** Absolute path of the module. */
  readonly module: string;
  /** Logins since this was asked last: all, and those the token refused. */
  logins(): { readonly all: number; readonly refused: number };
}

/** OpenSC's module that writes every call to a file and passes it on. */
const spy = '/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so';

export function createCountingModule(directory: string, module: string): CountingModule {
  const [file, output] = [path.join(directory, 'counting.so'), path.join(directory, 'counting.log')];
  writeFileSync(output, '');
  chmodSync(output, 0o666);
  compileLibrary(file, path.join(import.meta.dirname, 'counting-module.c'), { SPY: spy, SPIED: module, OUTPUT: output });
  return {
    module: file,
    logins() {
      const calls = readFileSync(output, 'utf8')
        .split(/^\d+: (?=C_)/mu)
        .filter((call) => call.startsWith('C_Login'));
      truncateSync(output);
      return { all: calls.length, refused: calls.filter((call) => call.includes('CKR_PIN_INCORRECT')).length };
    },
  };
}
