import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

const packaging = path.resolve(import.meta.dirname, '../../packaging');
let directory: PrivateDirectory;
const file = (name: string) => path.join(directory.path, name);
const bootstrap = (env: NodeJS.ProcessEnv = process.env, ...words: string[]) =>
  spawnSync('/bin/sh', [file('packaging/bootstrap.sh'), ...words], { encoding: 'utf8', env });
const builds = () => readFileSync(file('builds'), 'utf8').length;

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
    mkdirSync(file('bin'));
    const table = /<<'PROGRAMS'\n([\s\S]*?)\nPROGRAMS/u.exec(readFileSync(path.join(packaging, 'bootstrap.sh'), 'utf8'))?.[1] ?? '';
    const programs = [
      'sh',
      'cat',
      'cksum',
      'find',
      'id',
      'dirname',
      'mktemp',
      ...table
        .split('\n')
        .map((row) => row.split(' ')[0]!)
        .filter((program) => program !== 'strace' && !program.startsWith('/')),
    ];
    for (const program of programs) symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), file(`bin/${program}`));
    symlinkSync(process.execPath, file('bin/node'));
    writeFileSync(file('strace'), '');
    expect(bootstrap({ PATH: file('bin') })).toMatchObject({
      status: 1,
      stderr: "bootstrap: Please install these (Debian's names): strace\n",
    });
  });

  it('asks for what only tests need only where tests are to run', () => {
    mkdirSync(file('bin'));
    for (const program of ['sh', 'dirname'])
      symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), file(`bin/${program}`));
    symlinkSync(process.execPath, file('bin/node'));
    expect(bootstrap({ PATH: file('bin') }).stderr).not.toContain('ldap-utils');
    expect(bootstrap({ PATH: file('bin') }, 'tests').stderr).toContain('ldap-utils');
  });
});

it('the build refuses an interpreter whose path a shell could not be told, in one sentence', () => {
  const node = file("no'de");
  copyFileSync(process.execPath, node);
  const { status, stderr } = spawnSync(node, [path.join(packaging, 'build.mjs')], { encoding: 'utf8' });
  expect(status).not.toBe(0);
  expect(stderr).toContain(`Cannot build with ${node}: its path holds a single quote`);
});
