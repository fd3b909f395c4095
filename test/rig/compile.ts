import { execFileSync } from 'node:child_process';

/** Makes a shared library of one C file; what is defined are strings and whole numbers. */
export function compileLibrary(library: string, source: string, defined: Readonly<Record<string, string | number>> = {}): void {
  execFileSync('cc', [
    '-shared',
    '-fPIC',
    '-O1',
    '-o',
    library,
    ...Object.entries(defined).map(([name, value]) => `-D${name}=${JSON.stringify(value)}`),
    source,
    '-ldl',
  ]);
}
