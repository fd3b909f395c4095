import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

const packaging = path.resolve(import.meta.dirname, '../../packaging');
let directory: PrivateDirectory;
const file = (name: string) => path.join(directory.path, name);
const bootstrap = (env: NodeJS.ProcessEnv = process.env, ...words: string[]) =>
  spawnSync('/bin/sh', [file('packaging/bootstrap.sh'), ...words], { encoding: 'utf8', env });
const builds = () => readFileSync(file('builds'), 'utf8').length;

const rows = (/<<'PROGRAMS'\n([\s\S]*?)\nPROGRAMS/u.exec(readFileSync(path.join(packaging, 'bootstrap.sh'), 'utf8'))?.[1] ?? '')
  .split('\n')
  .map((row) => {
    const [program = '', deb = '', , level = ''] = row.split(' ');
    return { program, deb, level };
  });

/** A PATH with the shell's tools, node, and these programs. */
function withPrograms(...programs: string[]): void {
  mkdirSync(file('bin'));
  for (const program of ['sh', 'cat', 'cksum', 'find', 'id', 'dirname', 'mktemp', 'rm', 'sed', 'tr', ...programs])
    symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), file(`bin/${program}`));
  symlinkSync(process.execPath, file('bin/node'));
}

function fake(program: string, script: string): void {
  rmSync(file(`bin/${program}`), { force: true });
  writeFileSync(file(`bin/${program}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** A Debian with these packages as dpkg-query lists them, whose apt-get only notes down what it is told. */
function withPackages(lines: readonly string[], uid = 0): void {
  withPrograms();
  writeFileSync(file('packages'), `${lines.join('\n')}\n`);
  fake('dpkg-query', `cat ${file('packages')}`);
  fake('apt-get', `echo "$*" >>${file('apt')}`);
  fake('id', `echo ${String(uid)}`);
}

/** A clone whose packages are installed, and whose build only counts. */
beforeEach(() => {
  directory = privateDirectory('bootstrap');
  for (const folder of ['packaging', 'src', 'helpers', 'dbus', 'node_modules', 'dist']) mkdirSync(file(folder));
  copyFileSync(path.join(packaging, 'bootstrap.sh'), file('packaging/bootstrap.sh'));
  for (const name of [
    'package-lock.json',
    'tsconfig.json',
    'packaging/build.mjs',
    'packaging/code-cache.mjs',
    'packaging/hsmonger-submit.sh',
    'src/a.ts',
  ])
    writeFileSync(file(name), '');
  writeFileSync(
    file('package.json'),
    JSON.stringify({ scripts: { build: 'echo x | tr -d "\\n" >>builds; node -p process.execPath >dist/.built' } }),
  );
  writeFileSync(
    file('node_modules/.hsmonger-installed'),
    `${process.versions.modules} ${execFileSync('cksum', { input: '', encoding: 'utf8' })}`,
  );
  expect(bootstrap()).toMatchObject({ status: 0, stderr: expect.stringContaining('building') as string });
});
afterEach(() => {
  directory.remove();
});

describe('bootstrap', () => {
  it('builds once', () => {
    expect(bootstrap()).toMatchObject({ status: 0, stderr: '' });
    expect(builds()).toBe(1);
  });

  it.each(['src/a.ts', 'packaging/build.mjs', 'packaging/code-cache.mjs', 'packaging/hsmonger-submit.sh', 'package.json'])(
    'builds again when %s has changed',
    (name) => {
      utimesSync(file(name), Date.now() / 1000 + 5, Date.now() / 1000 + 5);
      expect(bootstrap().status).toBe(0);
      expect(builds()).toBe(2);
    },
  );

  it.each(['/opt/node/bin/node\n', ''])('builds again when another interpreter built what is there (%j)', (interpreter) => {
    writeFileSync(file('dist/.built'), interpreter);
    expect(bootstrap().status).toBe(0);
    expect(builds()).toBe(2);
  });

  it('installs nothing through a link: npm ci would empty what it leads to', () => {
    renameSync(file('node_modules'), file('shared'));
    symlinkSync(file('shared'), file('node_modules'));
    expect(bootstrap()).toMatchObject({ status: 0 });
    writeFileSync(file('shared/.hsmonger-installed'), 'another');
    expect(bootstrap()).toMatchObject({ status: 1, stderr: expect.stringContaining('node_modules is a link') as string });
    expect(readFileSync(file('shared/.hsmonger-installed'), 'utf8')).toBe('another');
  });

  it('does not take a file of the clone for a program', () => {
    const programs = rows.filter(({ level, program }) => level === 'run' && program !== 'make').map(({ program }) => program);
    withPrograms(...programs);
    writeFileSync(file('make'), '');
    expect(bootstrap({ PATH: file('bin') })).toMatchObject({
      status: 1,
      stderr: "bootstrap: Please install these (Debian's names): make\n",
    });
  });

  it('asks for what only the demo or only tests need only there', () => {
    withPrograms();
    const asked = (...words: string[]) =>
      bootstrap({ PATH: file('bin') }, ...words)
        .stderr.trim()
        .split(/[ :]+/u);
    expect(asked()).not.toContain('softhsm2');
    expect(asked()).not.toContain('strace');
    expect(asked('demo')).toContain('softhsm2');
    expect(asked('demo')).not.toContain('strace');
    expect(asked('tests')).toEqual(expect.arrayContaining(['certmonger', 'softhsm2', 'strace', 'libtpm2-pkcs11-1']));
    expect(bootstrap({ PATH: file('bin') }, 'test')).toMatchObject({ status: 1, stderr: expect.stringContaining("'test'") as string });
  });

  const lacking = rows.map(({ deb }) => deb).filter((deb) => deb !== 'libtpm2-pkcs11-1' && deb !== 'p11-kit-modules');

  it('believes the package manager, wherever files lie on this architecture, and installs what it lacks', () => {
    withPackages([
      ...lacking.map((deb) => `installed ${deb}, `),
      'config-files libtpm2-pkcs11-1, ',
      'installed other, p11-kit-modules (= 1)',
    ]);
    expect(bootstrap({ PATH: file('bin') }, 'tests')).toMatchObject({ status: 0, stderr: 'bootstrap: installing libtpm2-pkcs11-1\n' });
    expect(readFileSync(file('apt'), 'utf8')).toBe('update -qq\ninstall -y -qq --no-install-recommends libtpm2-pkcs11-1\n');
  });

  it('installs nothing where all of it is there, though no program is where this PATH leads', () => {
    withPackages(rows.map(({ deb }) => `installed ${deb}, `));
    expect(bootstrap({ PATH: file('bin') }, 'tests')).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(file('apt'))).toBe(false);
  });

  it('gives who is not root the one command, and changes nothing', () => {
    withPackages(
      lacking.map((deb) => `installed ${deb}, `),
      1000,
    );
    expect(bootstrap({ PATH: file('bin') }, 'tests')).toMatchObject({
      status: 1,
      stdout: 'sudo apt-get update && sudo apt-get install -y --no-install-recommends p11-kit-modules libtpm2-pkcs11-1\n',
    });
    expect(existsSync(file('apt'))).toBe(false);
  });

  it('on Fedora asks rpm, by name or by what is provided', () => {
    withPrograms();
    fake('dnf', `echo "$*" >>${file('apt')}`);
    fake('rpm', '[ "$2" = --whatprovides ] && [ "$3" != nss-tools ]');
    fake('id', 'echo 0');
    expect(bootstrap({ PATH: file('bin') })).toMatchObject({ status: 0 });
    expect(readFileSync(file('apt'), 'utf8')).toBe('install -y -q nss-tools\n');
  });
});

it('the build refuses an interpreter whose path a shell could not be told, in one sentence', () => {
  const node = file("no'de");
  copyFileSync(process.execPath, node);
  const { status, stderr } = spawnSync(node, [path.join(packaging, 'build.mjs')], { encoding: 'utf8' });
  expect(status).not.toBe(0);
  expect(stderr).toContain(`Cannot build with ${node}: its path holds a single quote`);
});
