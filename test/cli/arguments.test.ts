import { expect, test } from 'vitest';
import { hsmonger } from './site.js';

test.each<[string, string[], RegExp]>([
  ['no command', [], /Name a command/u],
  ['an unknown command', ['rnew'], /Did you mean renew\?/u],
  ['an unknown flag', ['status', '--nope'], /Unknown argument: nope/u],
  ['a sub-command missing', ['token'], /modules, list, keys, check, .* move-id or change-pin\./u],
  ['a flag without its value', ['status', '--instance'], /Not enough arguments following: instance/u],
  ['a single-valued flag given twice', ['status', '--instance', 'a', '--instance', 'b'], /Give --instance once, not 2 times/u],
  ['a wait that is no number', ['renew', 'x', '--wait', 'abc'], /--wait wants a number from 0 to 9999999, not 'abc'/u],
  ['a certificate without a profile', ['setup', '--yes', '--certificate', 'x'], /--certificate wants NICKNAME=PROFILE, not 'x'/u],
  ['a variable without a value', ['setup', '--yes', '--module-env', 'x'], /--module-env wants KEY=VALUE, not 'x'/u],
  ['a dbm: database', ['setup', '--yes', '--dbdir', 'dbm:/x'], /dbm: database/u],
  ['a dbm: database for a CA of its own', ['ca', 'init-root', '--dbdir', 'dbm:/x'], /dbm: database/u],
  ['days that are no number', ['ca', 'issue', '--in', '/x', '--days', 'ten'], /--days wants a number from 1 to 36525, not 'ten'/u],
  ['days out of bounds', ['ca', 'crl', '--days', '3651'], /--days wants a number from 1 to 3650, not '3651'/u],
  ['minutes out of bounds', ['ca', 'ocsp', '--listen', '127.0.0.1:1', '--minutes', '0'], /--minutes wants a number from 1 to 10080/u],
  ['an unknown issuer', ['setup', '--yes', '--issuer', 'x'], /Choices: "token", "dogtag", "directory", "external"/u],
  ['nobody to ask', ['setup'], /There is no terminal to ask on: say --yes/u],
  ['an instance name that cannot be a file', ['status', '--instance', '../x'], /There is no instance '\.\.\/x'/u],
  ['a profile there is none of', ['ca', 'issue', '--in', '-', '--profile', 'severs'], /There is no profile 'severs'; there are server,/u],
  ['a key too short to be made', ['token', 'keygen', '--type', 'rsa:1024', '--label', 'x'], /An RSA key of 1024 bits is not made/u],
  ['token flags without a module', ['token', 'list', '--pin-file', '/x', '--config-dir', '/nonexistent'], /--pin-file goes with --module/u],
])('wrong usage exits 2 with one sentence: %s', async (_name, argv, sentence) => {
  const said = await hsmonger(...argv);
  expect(said.out).toBe('');
  expect(said.err).toMatch(sentence);
  expect(said.err).toMatch(/^hsmonger: [^\n]+\n$/u);
  expect(said.exitCode).toBe(2);
});

test('a trace reaches the user only with -v', async () => {
  const argv = ['status', '--config-dir', '/nonexistent'];
  expect((await hsmonger(...argv)).err).not.toContain('    at ');
  expect((await hsmonger(...argv, '-v')).err).toContain('    at ');
});

test('help names every command, the global flags and the exit codes, on stdout', async () => {
  const said = await hsmonger('--help');
  expect(said.exitCode).toBe(0);
  for (const word of [
    'setup',
    'unsetup',
    'track',
    'renew',
    'status',
    'token',
    '--instance',
    '--bus',
    '--json',
    '--no-color',
    'Exit status: 0 ok',
  ])
    expect(said.out).toContain(word);
});

test('what --token and --pin-file mean where a token is made, its own help says', async () => {
  const { out } = await hsmonger('token', 'init', '--help');
  expect(out.replace(/\s+/gu, ' ')).toMatch(/--token Label of the new token.*--pin-file File with the PIN the new token gets/u);
  expect(out).not.toContain('Exact label or URI');
  expect((await hsmonger('token', 'keys', '--help')).out).toContain('Exact label or URI');
});

test('--version prints the version and nothing else', async () => {
  const said = await hsmonger('--version');
  expect(said.exitCode).toBe(0);
  expect(said.out).toMatch(/^\d+\.\d+\.\d+\n$/u);
});
