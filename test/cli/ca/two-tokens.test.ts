/** Root on one token, intermediate on another, of another service user where there is one; and a run that is killed at any moment. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { runAs } from '../../rig/run-as.js';
import { hsmonger } from '../site.js';
import { layGround, openssl, tokenFlags, type Ground } from './ground.js';

let ground: Ground;
let other: SoftToken;
beforeAll(async () => {
  ground = await layGround('root token');
  other = await createSoftToken({ directory: ground.directory, label: 'issuing', pin: 'other-pin-99', beside: ground.token });
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
    'P-384',
    '--digest',
    'sha512',
  );
  expect(said.exitCode, said.err).toBe(0);
});
afterAll(() => ground.remove());

const labels = async (token: SoftToken) => {
  const { stdout } = await runAs(
    ground.owner,
    'pkcs11-tool',
    ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:RIG_PIN', '-O'],
    { env: { ...token.environment, RIG_PIN: token.pin }, cwd: '/' },
  );
  return [...stdout.matchAll(/^(Certificate|Private|Public)[^\n]*\n(?:  [^\n]*\n)*?  label: +(.*)$/gmu)]
    .map(([, kind, label]) => `${kind ?? ''} ${label ?? ''}`)
    .sort();
};
const init = (...flags: string[]) =>
  hsmonger('ca', 'init-intermediate', '--instance', 'issuing-ca', '--issuer', 'root', ...ground.here, ...flags);

it('the intermediate has its key and the chain on its own token, and nothing new is on the root’s', async () => {
  const said = await init(
    ...tokenFlags(other),
    '--subject',
    'CN=Issuing CA,O=My Company',
    '--key-type',
    'rsa:2048',
    '--crl-url',
    'http://crl.example.test/issuing.crl',
    '--policy',
    'organizationName=match',
  );
  expect(said.exitCode, said.err).toBe(0);
  expect(await labels(other)).toEqual(['Certificate issuing-ca', 'Certificate root', 'Private issuing-ca', 'Public issuing-ca']);
  expect(await labels(ground.token)).toEqual(['Certificate root', 'Private root', 'Public root']);
  const chain = path.join(ground.directory, 'chain.pem');
  expect((await hsmonger('ca', 'chain', '--instance', 'issuing-ca', '--out', chain, ...ground.here)).exitCode).toBe(0);
  const [own, root] = readFileSync(chain, 'utf8')
    .split(/(?<=-----END CERTIFICATE-----\n)/u)
    .map((pem, index) => ground.file(`chain-${String(index)}.pem`, pem));
  expect(openssl('verify', '-x509_strict', '-CAfile', root!, own!)).toContain(': OK');
  expect(openssl('x509', '-in', own!, '-noout', '-text')).toContain('Signature Algorithm: ecdsa-with-SHA512');
});

it('its file is its own; the root’s has the other token and the certificate there', () => {
  const [own, root] = ['issuing-ca', 'root'].map((name) => parse(readFileSync(path.join(ground.config, `${name}.toml`), 'utf8')));
  expect(own).toMatchObject({
    token: { label: 'issuing' },
    issuer: { certificate: 'issuing-ca' },
    ca: { policy: { organizationName: 'match' }, 'crl-urls': ['http://crl.example.test/issuing.crl'] },
  });
  expect(own).not.toHaveProperty('certificate');
  expect(root).toMatchObject({
    tokens: { 'issuing-ca': { label: 'issuing', module: other.module, 'pin-file': other.pinFile } },
    certificate: [
      { nickname: 'root', profile: 'caCACert' },
      { nickname: 'issuing-ca', profile: 'caCACert', token: 'issuing-ca' },
    ],
  });
});

it('the root shows either by its nickname, wherever it lies, and how it issued it', async () => {
  for (const [nickname, issuer] of [
    ['root', 'a root'],
    ['issuing-ca', 'CN=Root,O=My Company'],
  ] as const) {
    const said = await hsmonger('ca', 'show', '--instance', 'root', '--nickname', nickname, ...ground.here);
    expect(said.exitCode, said.err).toBe(0);
    expect(said.out).toMatch(new RegExp(`^chain: +${issuer}\nissued: .* by profile caCACert, `, 'mu'));
  }
});

it('run again nothing changes', async () => {
  const said = await init();
  expect(said.exitCode, said.err).toBe(0);
  expect(said.out).toContain('nothing was changed');
  expect(await labels(other)).toHaveLength(4);
});

it('refuses another root for it, itself as its CA, and a CA that is none', async () => {
  const another = await hsmonger(
    'ca',
    'init-root',
    '--instance',
    'another',
    ...ground.here,
    ...ground.onToken,
    '--subject',
    'CN=Another Root',
    '--key-type',
    'P-256',
  );
  expect(another.exitCode, another.err).toBe(0);
  for (const [flags, why] of [
    [['--instance', 'issuing-ca', '--issuer', 'another'], /belongs to instance 'root'/u],
    [['--instance', 'root', '--issuer', 'root'], /cannot issue its own certificate/u],
    [['--instance', 'x', '--issuer', 'missing'], /There is no instance 'missing'/u],
    [
      ['--instance', 'x', '--issuer', 'root', '--subject', 'CN=Another Root', '--key-type', 'P-256'],
      /The certificate 'another' on token .* has the subject CN=Another Root too/u,
    ],
  ] as const) {
    const said = await hsmonger('ca', 'init-intermediate', ...ground.here, ...flags);
    expect(said.exitCode, said.out).toBeGreaterThan(0);
    expect(said.err).toMatch(why);
  }
});
