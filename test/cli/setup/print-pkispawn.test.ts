import { afterAll, beforeAll, expect, it } from 'vitest';
import { run } from '../../../src/platform/run.js';
import { overrideText } from '../../../src/cli/setup/print-pkispawn.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { runAs } from '../../rig/run-as.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { hsmonger } from '../site.js';

let scratch: PrivateDirectory;
let token: SoftToken;
beforeAll(async () => {
  scratch = privateDirectory('pkispawn');
  token = await createSoftToken({ directory: scratch.path, owner: ensureServiceUser() });
});
afterAll(() => {
  scratch.remove();
});

const asked = (...more: string[]) =>
  hsmonger(
    'setup',
    '--print-pkispawn',
    '--module',
    token.module,
    '--module-env',
    `SOFTHSM2_CONF=${token.confFile}`,
    '--state-dir',
    `${scratch.path}/state`,
    ...more,
  );

/** Python's configparser, which pkispawn and ipa-server-install read it with. */
const read = async (text: string) =>
  JSON.parse(
    (
      await run(
        'python3',
        [
          '-c',
          'import configparser,json,sys; c = configparser.ConfigParser(); c.optionxform = str; c.read_string(sys.stdin.read()); print(json.dumps(dict(c["DEFAULT"])))',
        ],
        { input: text },
      )
    ).stdout,
  ) as unknown;

it('prints the override of FreeIPA’s page for the token, with a placeholder where the PIN goes', async () => {
  const said = await asked('--token', 'softhsm_token');
  expect(said.exitCode, said.err).toBe(0);
  expect(await read(said.out)).toEqual({
    pki_hsm_enable: 'True',
    pki_hsm_libfile: token.module,
    pki_hsm_modulename: 'libsofthsm2',
    pki_token_name: 'softhsm_token',
    pki_token_password: 'PIN_OF_THE_TOKEN',
    pki_sslserver_token: 'internal',
  });
  expect(said.err).toContain('PIN_OF_THE_TOKEN');
  expect(said.out + said.err).not.toContain(token.pin);
});

it('says with the exit status, and the reasons on stderr, that the slot is not empty; private objects with a PIN only', async () => {
  const pinFile = ['--pin-file', token.pinFile];
  const empty = await asked('--token', 'softhsm_token', ...pinFile);
  expect(empty).toMatchObject({ exitCode: 0, err: expect.not.stringContaining('refused') as string });
  const used = await createSoftToken({ directory: scratch.path, beside: token, label: 'used' });
  const secret = await runAs(
    ensureServiceUser(),
    'pkcs11-tool',
    [
      '--module',
      token.module,
      '--token-label',
      'used',
      '--login',
      '--pin',
      'env:RIG_PIN',
      '--keygen',
      '--key-type',
      'AES:32',
      '--private',
      '--label',
      'hidden',
    ],
    { env: { ...token.environment, RIG_PIN: used.pin }, cwd: '/' },
  );
  expect(secret.exitCode).toBe(0);
  expect(await asked('--token', 'used')).toMatchObject({
    exitCode: 0,
    err: expect.stringContaining('nobody logged in, so private objects were not looked for; with --pin-file they are') as string,
  });
  const said = await asked('--token', 'used', ...pinFile);
  expect(said).toMatchObject({
    exitCode: 3,
    err: expect.stringMatching(
      /refused \(slot-empty\): The token 'used' is not empty: it holds 1 secret key \('hidden'\)\..*softhsm2-util --delete-token/su,
    ) as string,
  });
  expect(await read(said.out)).toMatchObject({ pki_token_name: 'used' });
});

it('names no token that is not there, and none of two with one label', async () => {
  expect(await asked('--token', 'softhsm')).toMatchObject({
    exitCode: 1,
    out: '',
    err: expect.stringContaining("'softhsm_token'") as string,
  });
  await createSoftToken({ directory: scratch.path, beside: token, label: 'softhsm_token' });
  expect(await asked('--token', 'softhsm_token')).toMatchObject({
    exitCode: 1,
    out: '',
    err: expect.stringContaining('2 tokens with the label') as string,
  });
});

it('a per cent sign is no reference', async () => {
  expect(await read(overrideText({ module: '/opt/100%/libhsm.so.1', token: '50% (x)' }))).toMatchObject({
    pki_hsm_libfile: '/opt/100%/libhsm.so.1',
    pki_hsm_modulename: 'libhsm',
    pki_token_name: '50% (x)',
  });
});
