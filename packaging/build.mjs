// Bundles the executables into dist/: a small entry each, heavy parts as chunks under dist/lib, native addons beside them.
import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const finished = path.join(root, 'dist');
/** Built beside and swapped in: certmonger may be running a helper from the last build. */
const dist = `${finished}.${String(process.pid)}`;
const lib = path.join(dist, 'lib');
const require = createRequire(import.meta.url);

const addons = {
  'pkcs11.node': path.join(path.dirname(require.resolve('pkcs11js/package.json')), 'build/Release/pkcs11.node'),
  'better_sqlite3.node': path.join(path.dirname(require.resolve('better-sqlite3/package.json')), 'build/Release/better_sqlite3.node'),
};

const interpreter = process.execPath;
// It stands in a shell's single quotes, in front of hsmonger-submit.
if (interpreter.includes("'"))
  throw new Error(
    `Cannot build with ${interpreter}: its path holds a single quote, which the helper's shell line cannot carry; use a Node.js in another directory.`,
  );

/** What the shell runs in front of the helper's bundle. */
const shellFront = (await readFile(path.join(root, 'packaging/hsmonger-submit.sh'), 'utf8')).replace('@NODE@', interpreter);

/** Each executable is an entry that answers what it can alone; the named chunk holds the rest and is loaded when first needed. */
const executables = ['hsmonger', 'hsmonger-submit', 'hsmonger-pre-save', 'hsmonger-post-save'];
const chunks = {
  enrol: 'src/renewal/enrol.ts',
  worker: 'src/service/worker.ts',
  cli: 'src/cli/main.ts',
  hooks: 'src/service/hooks.ts',
  'token-view': 'src/tracking/token-view.ts',
  watcher: 'src/agent/follow/watcher.ts',
  prober: 'src/agent/probe/probe-process.ts',
  show: 'src/agent/show/show-child.ts',
  ocsp: 'src/service/ocsp/serve.ts',
};
/** Read before the drop and begun as text: no file is loaded then, and none for the code cache. */
const threads = { clerk: 'src/service/clerks/clerk-thread.ts' };

/**
 * A default import of CommonJS copies all its properties in each file that has one: a thousand constants, six times over. Through a
 * module in between, nothing is copied.
 */
const onceOnly = {
  name: 'once-only',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(pkcs11js|better-sqlite3)$/ }, ({ path: name, kind }) =>
      kind === 'require-call' ? undefined : { path: name, namespace: 'once-only' },
    );
    onLoad({ filter: /.*/, namespace: 'once-only' }, ({ path: name }) => ({
      contents: `export default require(${JSON.stringify(name)});`,
      resolveDir: root,
    }));
  },
};

const besideTheBundle = {
  name: 'beside-the-bundle',
  setup({ onResolve }) {
    onResolve({ filter: /\.node$/ }, ({ path: file }) => ({ path: `./${path.basename(file)}`, external: true }));
    // import('#chunk/enrol') becomes require('./lib/enrol.cjs'): CommonJS bundles cannot be split by esbuild itself.
    onResolve({ filter: /^#chunk\// }, ({ path: name, importer }) => {
      const chunk = `${name.slice('#chunk/'.length)}.cjs`;
      return { path: importer.includes(`${path.sep}helpers${path.sep}`) ? `./lib/${chunk}` : `./${chunk}`, external: true };
    });
  },
};

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  // ES modules where a package has them too: what is not used falls away.
  mainFields: ['module', 'main'],
  // Identifiers stay as they are, so a trace can be read; keepNames would name every closure again each time it is made.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
  supported: { 'dynamic-import': false },
  plugins: [onceOnly, besideTheBundle],
  define: { 'import.meta.url': 'HSMONGER_BUNDLE_URL', HSMONGER_BUNDLE_DIRECTORY: 'HSMONGER_LIB_DIRECTORY' },
};

await mkdir(lib, { recursive: true });
await Promise.all([
  ...executables.map((name) =>
    build({
      ...common,
      entryPoints: [path.join(root, 'helpers', `${name}.ts`)],
      outfile: path.join(dist, name),
      // certmonger's PATH is fixed and short, `env node` may not be found there: the interpreter is named absolutely.
      banner: {
        js: `${name === 'hsmonger-submit' ? shellFront : `#!${interpreter}\n`}const HSMONGER_LIB_DIRECTORY=require("node:path").join(__dirname,"lib"),HSMONGER_BUNDLE_URL="file://"+__filename;`,
      },
    }),
  ),
  ...Object.entries({ ...chunks, ...threads }).map(([name, entry]) =>
    build({
      ...common,
      entryPoints: [path.join(root, entry)],
      outfile: path.join(lib, `${name}.cjs`),
      banner: { js: 'const HSMONGER_LIB_DIRECTORY=__dirname,HSMONGER_BUNDLE_URL="file://"+__filename;' },
    }),
  ),
  ...Object.entries(addons).map(([name, file]) => copyFile(file, path.join(lib, name))),
]);
execFileSync(interpreter, [path.join(root, 'packaging/code-cache.mjs'), lib, ...Object.keys(chunks)], {
  env: {},
  stdio: ['ignore', 'inherit', 'inherit'],
});
await writeFile(
  path.join(dist, 'package.json'),
  `${JSON.stringify({ type: 'commonjs', version: JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')).version })}\n`,
);
await Promise.all(executables.map((name) => chmod(path.join(dist, name), 0o755)));
// packaging/bootstrap.sh builds again when another interpreter is to run it.
await writeFile(path.join(dist, '.built'), `${interpreter}\n`);
await rename(finished, `${dist}.old`).catch((error) => {
  if (error.code !== 'ENOENT') throw error;
});
await rename(dist, finished);
await rm(`${dist}.old`, { recursive: true, force: true });
