import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDirectoryServers, type DirectoryServers } from '../../rig/directory-server.js';
import { softHsmModule } from '../../rig/soft-token.js';
import { buildSite, hsmonger, type Site } from '../site.js';

let site: Site;
let ds: DirectoryServers;

beforeAll(async () => {
  site = await buildSite({ each: { daysLeft: 200 } });
  ds = await startDirectoryServers({ hsm: `${site.token.label};${softHsmModule}` });
}, 120_000);

afterAll(async () => {
  await ds.stop();
  await site.remove();
});

const instance = () => path.join(site.config, 'hsmonger.toml');
const uri = () => ds.servers[0]!.ldapi;
/** setup's flags without the module. */
const flags = () => [
  ...site.here,
  '--yes',
  '--from-directory',
  uri(),
  '--pin-file',
  site.token.pinFile,
  '--dbdir',
  site.nss.database,
  '--module-env',
  `SOFTHSM2_CONF=${site.token.confFile}`,
];
const says = async (hsm: string) =>
  ds.servers[0]!.change(
    `dn: cn=ipa,cn=cas,cn=ca,${ds.base}\nchangetype: modify\nreplace: ipaCaHSMConfiguration\nipaCaHSMConfiguration: ${hsm}\n`,
  );

test.each<[string, string | undefined, string[], number, RegExp]>([
  ['another token', undefined, ['--token', 'other'], 2, /on token 'softhsm_token', so 'other' cannot be used beside it/u],
  [
    'a library that is not here',
    'softhsm_token;/opt/elsewhere/libp11.so',
    [],
    1,
    /\/opt\/elsewhere\/libp11\.so, which is not on this machine; say where it is with --library/u,
  ],
  ['a value without a library', 'softhsm_token', [], 1, /ipaCaHSMConfiguration is "softhsm_token" and not TOKEN;LIBRARY/u],
  ['no such suffix', undefined, ['--directory-base', 'dc=elsewhere'], 1, /no ipaCaHSMConfiguration below dc=elsewhere/u],
  ['half a bind', undefined, ['--directory-bind-dn', 'cn=x'], 2, /--directory-bind-dn and --directory-password-file together/u],
  ['a URI that is none', undefined, ['--from-directory', 'http://x'], 2, /Give --from-directory once|wants ldapi/u],
])('%s is refused and leaves nothing', async (_what, hsm, more, exitCode, message) => {
  if (hsm !== undefined) await says(hsm);
  const said = await hsmonger('setup', ...flags(), ...more);
  expect(said.exitCode, said.err).toBe(exitCode);
  expect(said.err).toMatch(message);
  expect(existsSync(instance())).toBe(false);
});

test('token and library come from the directory, --library wins, and [directory] is written', async () => {
  await says('softhsm_token;/opt/elsewhere/libp11.so');
  const said = await hsmonger('setup', ...flags(), '--library', softHsmModule, '--issuer', 'directory');
  expect(said.exitCode, said.err + said.out).toBe(0);
  const text = readFileSync(instance(), 'utf8');
  for (const line of [
    'label = "softhsm_token"',
    `module = "${softHsmModule}"`,
    'type = "directory"',
    `uri = "${uri()}"`,
    'bind = "external"',
    `base = "${ds.base}"`,
  ])
    expect(text).toContain(line);
  expect((await hsmonger('setup', ...flags(), '--library', softHsmModule, '--issuer', 'directory')).out).toContain('nothing was changed');
}, 120_000);

test('a flag about the directory against the instance file is refused by name', async () => {
  const said = await hsmonger('setup', ...site.here, '--yes', '--directory-base', 'dc=other');
  expect(said.exitCode).toBe(2);
  expect(said.err).toContain('says otherwise than --directory-base');
});
