import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { enlistment } from '../../../../src/cli/ca/making/renewer.js';
import { parseInstance } from '../../../../src/config/schema.js';
import { privateDirectory, type PrivateDirectory } from '../../../rig/directory.js';

let directory: PrivateDirectory;
const fileOf = (name: string) => path.join(directory.path, `${name}.toml`);
const load = (name: string) => parseInstance(name, fileOf(name), parse(readFileSync(fileOf(name), 'utf8')));
const write = (name: string) => {
  writeFileSync(
    fileOf(name),
    `[token]\nlabel = "pki"\nmodule = "/usr/lib/m.so"\npin-file = "/p"\n[nss]\ndatabase = "/n"\n[issuer]\ntype = "token"\ncertificate = "${name}"\n`,
  );
  return load(name);
};
const nicknames = () => load('root').certificates.map(({ nickname }) => nickname);

beforeEach(() => {
  directory = privateDirectory('renewer');
});
afterEach(() => {
  directory.remove();
});

test('two CAs made below one at the same time are both in its file, and so is what was written there meanwhile', async () => {
  const root = write('root');
  const [one, two] = ['one', 'two'].map((name) => enlistment(root, write(name), { nickname: name, days: undefined }, 'same'));
  appendFileSync(fileOf('root'), '# by hand\n[[certificate]]\nnickname = "ocsp"\nprofile = "caOCSPCert"\n');
  const said = await Promise.all([one?.write(), two?.write()]);
  expect(nicknames().sort()).toEqual(['ocsp', 'one', 'two']);
  expect(readFileSync(fileOf('root'), 'utf8')).toContain('# by hand\n');
  expect(said[1]).toContain(`wrote the certificate 'two' into ${fileOf('root')}`);
});

test('what another has written there meanwhile is not written twice', async () => {
  const root = write('root');
  const owner = write('sub');
  const wanted = { nickname: 'sub', days: 365 };
  const [first, second] = [enlistment(root, owner, wanted, { label: 'b' }), enlistment(root, owner, wanted, { label: 'b' })];
  await first?.write();
  const written = readFileSync(fileOf('root'), 'utf8');
  expect(await second?.write()).toContain("the certificate 'sub' stands in");
  expect(readFileSync(fileOf('root'), 'utf8')).toBe(written);
  expect(enlistment(load('root'), owner, wanted, { label: 'b' })).toBeUndefined();
});

test('where the file has become one that cannot be read, that is said, and it stays as it is', async () => {
  const enlisting = enlistment(write('root'), write('sub'), { nickname: 'sub', days: undefined }, { label: 'b' });
  for (const half of ['[nss]\nunheard-of = 1', '[nss']) {
    const edited = readFileSync(fileOf('root'), 'utf8').replace('[nss]', half);
    writeFileSync(fileOf('root'), edited);
    await expect(enlisting?.write()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('The CA was made') as string,
    });
    expect(readFileSync(fileOf('root'), 'utf8')).toBe(edited);
  }
});

test("another certificate of that nickname there by now is not taken for the CA's", async () => {
  const enlisting = enlistment(write('root'), write('sub'), { nickname: 'sub', days: undefined }, 'same');
  appendFileSync(fileOf('root'), '[[certificate]]\nnickname = "sub"\nprofile = "caOCSPCert"\n');
  await expect(enlisting?.write()).rejects.toMatchObject({
    code: 'PREFLIGHT_FAILED',
    message: expect.stringMatching(/^The CA was made, and /u) as string,
  });
  expect(nicknames()).toEqual(['sub']);
});
