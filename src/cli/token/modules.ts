import { findModules } from '../../pkcs11/module/vendors.js';
import type { Surroundings } from '../command.js';
import type { GlobalOptions } from '../global-options.js';
import { columns, json } from '../output.js';
import type { AddTokenCommand } from './place.js';

/** `token modules`: the known PKCS#11 libraries on this machine; none is loaded. */
export const addModules: AddTokenCommand = (yargs, run) =>
  yargs.command('modules', 'The PKCS#11 libraries of known vendors on this machine', (modules) => modules, run(modules));

function modules(options: GlobalOptions, { io }: Surroundings): Promise<number> {
  const found = findModules();
  if (options.json) {
    io.out(json(found));
    return Promise.resolve(0);
  }
  io.out(
    columns(
      ['PRODUCT', 'MODULE', 'STATE'],
      found.map(({ vendor, product, path, problem }) => [
        { text: `${vendor} ${product}` },
        { text: path },
        problem === undefined ? { text: 'a PKCS#11 module', style: 'green' } : { text: problem, style: 'yellow' },
      ]),
      io.colour,
    ),
  );
  for (const { product, path, environment, needs } of found.filter(({ problem }) => problem === undefined)) {
    const wants = [
      ...Object.entries(environment).map(([name, what]) => `  ${name}: ${what}`),
      ...(needs === undefined ? [] : [`  ${needs}`]),
    ];
    if (wants.length > 0) io.out(`\n${product}, ${path}:\n${wants.join('\n')}\n`);
  }
  if (found.length === 0)
    io.err("hsmonger: None of the libraries hsmonger knows is on this machine; install the vendor's, and name it with --module.\n");
  return Promise.resolve(0);
}
