/** Root and intermediate of two service users: each user's token and PIN are closed to the other. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOf } from '../../../src/platform/service-user.js';
import { runAs } from '../../rig/run-as.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { hsmonger } from '../site.js';
import { layGround, tokenFlags, type Ground } from './ground.js';

let ground: Ground;
let other: SoftToken;
let beside: SoftToken;
beforeAll(async () => {
  ground = await layGround('root token');
  const directory = path.join(ground.directory, 'other');
  mkdirSync(directory, { mode: 0o755 });
  // A system account every Debian has, that is not the service user of the root.
  other = await createSoftToken({ directory, label: 'issuing', pin: 'other-pin-99', owner: accountOf('daemon') });
  beside = await createSoftToken({ directory: ground.directory, label: 'beside', pin: 'other-pin-99', beside: ground.token });
  const said = await hsmonger(
    'ca',
    'init-root',
    '--instance',
    'root',
    ...ground.here,
    ...ground.onToken,
    '--subject',
    'CN=Root,O=My Company',
    '--key-type',
    'P-256',
  );
  expect(said.exitCode, said.err).toBe(0);
});
afterAll(() => ground.remove());

it.each([
  [
    'a SoftHSM configuration of its own',
    'daemon',
    () => tokenFlags(other),
    /could not renew the certificate of 'of-daemon', so nothing was made: .*'tokens\.of-daemon\.environment' sets SOFTHSM2_CONF to another value/u,
  ],
  [
    'a PIN file that only another user reads',
    'pkiuser',
    () => tokenFlags({ ...beside, pinFile: other.pinFile }),
    /its user 'pkiuser' cannot log in to that token \(.*\), so nothing was made\. Let that user use the token and read the PIN file, or give both one --user\./u,
  ],
] as const)("a token that the root's user cannot log in to is refused before anything is made: %s", async (_what, user, flags, why) => {
  const instance = `of-${user}`;
  const before = readFileSync(path.join(ground.config, 'root.toml'), 'utf8');
  const said = await hsmonger(
    'ca',
    'init-intermediate',
    '--instance',
    instance,
    '--issuer',
    'root',
    ...ground.here,
    ...flags(),
    '--user',
    user,
    '--subject',
    'CN=Issuing,O=My Company',
    '--key-type',
    'P-256',
  );
  expect(said.exitCode, said.out).toBeGreaterThan(0);
  expect(said.err).toMatch(why);
  expect(readFileSync(path.join(ground.config, 'root.toml'), 'utf8')).toBe(before);
  expect(existsSync(path.join(ground.config, `${instance}.toml`))).toBe(false);
  expect(await ground.objects()).toHaveLength(3);
  expect(
    (
      await runAs(
        accountOf('daemon'),
        'pkcs11-tool',
        ['--module', other.module, '--token-label', other.label, '--login', '--pin', 'env:RIG_PIN', '-O'],
        { env: { ...other.environment, RIG_PIN: other.pin }, cwd: '/' },
      )
    ).stdout.trim(),
  ).toBe('');
});
