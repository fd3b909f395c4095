import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fromAnswers } from '../../../src/cli/setup/drafts.js';
import type { SetupOptions } from '../../../src/cli/setup/options.js';
import { questionsFor } from '../../../src/cli/setup/questions.js';
import { tokenOf } from '../../../src/config/token-of.js';
import { parseUri } from '../../../src/pkcs11/uri.js';
import { runAs } from '../../rig/run-as.js';
import { createSoftToken } from '../../rig/soft-token.js';
import { layGround, openssl, type Ground } from '../ca/ground.js';
import { hsmonger, type Said } from '../site.js';

let ground: Ground;
/** As p11tool names the token. */
let url: string;
/** All there is to say, but for the module's variables. */
let whole: string;
let module: string[];

beforeAll(async () => {
  ground = await layGround();
  module = ['--module-env', `SOFTHSM2_CONF=${ground.token.confFile}`];
  url = (await p11tool('--list-token-urls')).find((one) => parseUri(one).token === 'pki')!;
  whole = `${url}?module-path=${ground.token.module}&pin-source=file:${ground.token.pinFile}`;
});
afterAll(() => ground.remove());

const p11tool = async (...args: string[]) => {
  const { owner, token } = ground;
  const env = { ...token.environment, GNUTLS_PIN: token.pin };
  const { stdout } = await runAs(owner, 'p11tool', ['--provider', token.module, ...args], { env, cwd: '/' });
  return stdout.split('\n').filter((line) => line.startsWith('pkcs11:'));
};
const ca = (command: string, instance: string, token: string, ...flags: string[]) =>
  hsmonger('ca', command, '--instance', instance, '--token', token, ...module, ...ground.here, ...flags);
const good = (said: Said) => {
  expect(said.exitCode, said.err).toBe(0);
  return said;
};
const keyUrl = ({ out }: Said) => /^URL of the key: (pkcs11:\S+)$/mu.exec(out)?.[1] ?? '';
const named = (subject: string) => ['--subject', subject, '--key-type', 'P-256'];

it('token list prints the URI of each initialised token, as p11tool does', async () => {
  const list = ['token', 'list', '--module', ground.token.module, ...module, ...ground.here];
  const { out } = good(await hsmonger(...list));
  expect([...out.matchAll(/\n\d.* pki .*\n {2}URL: (pkcs11:\S+)\n/gu)].map(([, one]) => parseUri(one!))).toEqual([parseUri(url)]);
  expect(out.match(/URL/gu)).toHaveLength(1);
  for (const more of [[], ['--mechanisms']]) {
    const told = JSON.parse(good(await hsmonger(...list, '--json', ...more)).out) as { initialized: boolean; uri?: string }[];
    expect(told.map(({ initialized, uri }) => [initialized, uri === undefined ? undefined : parseUri(uri)])).toEqual([
      [true, parseUri(url)],
      [false, undefined],
    ]);
  }
});

it('ca init-root takes the URI, its module and its PIN file, and prints the URI of the key, by which p11tool finds it', async () => {
  const said = good(await ca('init-root', 'root', whole, ...named('CN=Root')));
  expect(readFileSync(path.join(ground.config, 'root.toml'), 'utf8')).toContain(
    `label = "pki"\nmodule = "${ground.token.module}"\npin-file = "${ground.token.pinFile}"\n`,
  );
  expect((await p11tool('--login', '--list-privkeys', '--only-urls', keyUrl(said))).map(parseUri)).toEqual([parseUri(keyUrl(said))]);
});

it('run again it changes nothing, and a URI that does not fit the token of the file is refused', async () => {
  expect(await ca('init-root', 'root', whole)).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('nothing was changed') as string,
  });
  for (const [token, why] of [
    ['pkcs11:token=pki;serial=0', /There is no token that fits 'pkcs11:token=pki;serial=0'/u],
    ['pkcs11:token=other', /root\.toml has no token that fits 'pkcs11:token=other'; it has 'pki'/u],
    [`${url}?module-path=/other.so`, /root\.toml has no token that fits/u],
    [`${url}?pin-source=/other.pin`, /pin-source \/other\.pin is not where/u],
  ] as const)
    expect(await ca('init-root', 'root', token)).toMatchObject({
      exitCode: expect.toSatisfy((code) => code !== 0) as number,
      err: expect.stringMatching(why) as string,
    });
});

it('ca init-intermediate takes one without a module, which is that of the CA above, and ca csr takes one', async () => {
  const said = good(await ca('init-intermediate', 'below', url, '--issuer', 'root', '--json', ...named('CN=Below')));
  const { certificate } = JSON.parse(said.out) as { certificate: { key: { uri: string } } };
  expect((await p11tool('--login', '--list-privkeys', '--only-urls', certificate.key.uri)).map(parseUri)).toEqual([
    parseUri(certificate.key.uri),
  ]);
  const { out } = good(await ca('csr', 'elsewhere', whole, ...named('CN=Elsewhere')));
  expect(openssl('req', '-in', ground.file('elsewhere.csr', out), '-noout', '-verify', '-subject')).toContain('CN = Elsewhere');
});

it('another serial, nothing of a token and no module are refused before anything is made', async () => {
  const objects = await ground.objects();
  for (const [token, why] of [
    [whole.replace(/serial=[^;?]+/u, 'serial=0'), /There is no token that fits '.*serial=0.*'/u],
    [`pkcs11:object=root?module-path=${ground.token.module}`, /says nothing of a token/u],
    [url, /does not say by which PKCS#11 module \(module-path\); name it with --module/u],
    [`${url};slot-description=B?module-path=${ground.token.module}`, /'slot-description', which is not compared/u],
  ] as const)
    for (const command of ['init-root', 'csr'])
      expect(await ca(command, 'another', token, '--pin-file', ground.token.pinFile, ...named('CN=Another'))).toMatchObject({
        exitCode: expect.toSatisfy((code) => code !== 0) as number,
        err: expect.stringMatching(why) as string,
      });
  expect(await ground.objects()).toEqual(objects);
  expect(existsSync(path.join(ground.config, 'another.toml'))).toBe(false);
});

it('setup takes the URI, its module and its PIN file, for a new instance file and beside one', async () => {
  const directories = { config: ground.config, state: ground.state };
  const questions = questionsFor({ out: () => undefined, err: () => undefined, interactive: false, colour: false }, true);
  const draft = (instance: string, token: string) =>
    fromAnswers(
      {
        instance,
        token,
        user: ground.owner.name,
        moduleEnv: { SOFTHSM2_CONF: ground.token.confFile },
        dbdir: path.join(ground.state, 'root', 'nss'),
        issuerCertificate: 'root',
      } as unknown as SetupOptions,
      directories,
    )(questions, () => undefined);
  const { instance } = await draft('taken-over', whole);
  expect(tokenOf(instance)).toMatchObject({
    selector: { by: 'label', label: 'pki' },
    module: ground.token.module,
    pin: { from: 'file', path: ground.token.pinFile },
  });
  const strange = whole.replace(/serial=[^;?]+/u, 'serial=0');
  await expect(draft('taken-over', strange)).rejects.toMatchObject({ code: 'TOKEN_NOT_FOUND' });
  expect((await draft('root', whole)).text).toBeUndefined();
  await expect(draft('root', strange)).rejects.toMatchObject({ code: 'TOKEN_NOT_FOUND' });
});

it('setup --print-pkispawn takes the URI and looks with its PIN', async () => {
  const asked = (token: string) => hsmonger('setup', '--print-pkispawn', '--token', token, ...module, ...ground.here);
  // 3: the token is not empty.
  expect(await asked(whole)).toMatchObject({
    exitCode: 3,
    out: expect.stringContaining(`pki_hsm_libfile=${ground.token.module}\n`) as string,
    err: expect.not.stringContaining('nobody logged in') as string,
  });
  expect((await asked(whole)).out).toContain('pki_token_name=pki\n');
  expect((await asked(whole.replace(/serial=[^;?]+/u, 'serial=0'))).err).toMatch(/There is no token that fits/u);
});

it('a serial number does not help where another token has the label: certmonger knows no other name', async () => {
  await createSoftToken({ directory: ground.directory, beside: ground.token, label: 'pki' });
  expect(await ca('init-root', 'another', whole, ...named('CN=Another'))).toMatchObject({
    exitCode: expect.toSatisfy((code) => code !== 0) as number,
    err: expect.stringMatching(/has 2 tokens with the label 'pki', and certmonger knows tokens by their label alone/u) as string,
  });
});
