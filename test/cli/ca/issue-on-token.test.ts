/** Certificates for keys on a further token of the instance, and what is said of keys that were there. */
import { createHash, X509Certificate } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { hsmonger } from '../site.js';
import { layGround, openssl, toolOn, type Ground, type TokenTool } from './ground.js';

let ground: Ground;
let responders: SoftToken;
let onResponders: TokenTool;
let rootFile: string;
const table = ({ label, module, pinFile, confFile }: SoftToken) =>
  `label = "${label}"\nmodule = "${module}"\npin-file = "${pinFile}"\nenvironment = { SOFTHSM2_CONF = "${confFile}" }\n`;
const issue = (nickname: string, ...flags: string[]) =>
  hsmonger('ca', 'issue', '--instance', 'root', '--profile', 'ocsp', '--nickname', nickname, ...ground.here, ...flags);
/** What NSS computes for a key on P-256. */
const nssId = (pem: string) =>
  createHash('sha1')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }).subarray(-65))
    .digest('hex');
/** The command a message has between quotation marks. */
const commandIn = (text: string) => /'hsmonger (token move-id [^']+)'/u.exec(text)?.[1]?.split(' ') ?? [];

beforeAll(async () => {
  ground = await layGround('root token');
  responders = await createSoftToken({ directory: ground.directory, label: 'responders', pin: 'other-pin-9', beside: ground.token });
  onResponders = toolOn(responders, ground.owner);
  rootFile = path.join(ground.config, 'root.toml');
  const said = await hsmonger(
    ...['ca', 'init-root', '--instance', 'root', ...ground.here, ...ground.onToken],
    ...['--subject', 'CN=Root,O=My Company', '--key-type', 'P-256'],
  );
  expect(said.exitCode, said.err).toBe(0);
  appendFileSync(rootFile, `\n[tokens.responder]\n${table(responders)}`);
  writeFileSync(
    path.join(ground.config, 'other.toml'),
    `[token]\n${table(responders)}[nss]\ndatabase = "/nowhere"\n[issuer]\ntype = "token"\ncertificate = "other CA"\n[[certificate]]\nnickname = "shared"\nprofile = "caOCSPCert"\n`,
  );
});
afterAll(() => ground.remove());

it('makes key and certificate on the token that is named, and says which lines have it renewed there', async () => {
  const before = await ground.objects();
  const out = path.join(ground.directory, 'ocsp.crt');
  const order = ['--subject', 'CN=OCSP,O=My Company', '--key-type', 'P-256', '--days', '90'];
  const said = await issue('ocsp', ...order, '--token', 'responder', '--out', out);
  expect(said.exitCode, said.err).toBe(0);
  expect(said.out).toMatch(/; key made, certificate stored on the token 'responders'\n$/u);
  const pem = readFileSync(out, 'utf8');
  const id = nssId(pem);
  expect(await onResponders.objects()).toEqual([`Certificate ocsp ${id}`, `Private ocsp ${id}`, `Public ocsp ${id}`]);
  expect(await ground.objects()).toEqual(before);
  expect(openssl('verify', '-CAfile', ground.file('root.crt', await ground.certificate('root')), out)).toContain(': OK');

  // By its label, too; and from then on it is where the file says.
  const [, lines = ''] = said.err.split('\n\n');
  for (const token of ['responder', 'responders'])
    expect(await issue('ocsp', ...order, '--token', token)).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/; key there already, certificate on the token 'responders' already\n$/u) as string,
      err: said.err,
    });
  expect(said.err).toContain(`${rootFile}, then run\n  hsmonger setup --instance root --yes\n`);
  expect(lines).toBe('[[certificate]]\nnickname = "ocsp"\nprofile = "caOCSPCert"\ntoken = "responder"\ndays = 90\n');
  appendFileSync(rootFile, `\n${lines}`);
  expect(await issue('ocsp', ...order)).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/; key there already, certificate on the token 'responders' already\n$/u) as string,
    err: '',
  });
  expect(await ground.objects()).toEqual(before);
  const shown = await hsmonger('ca', 'show', '--instance', 'root', '--nickname', 'ocsp', '--pem', ...ground.here);
  expect(shown.out, shown.err).toBe(pem);
});

it('run again once certmonger has renewed it, leaves the renewed one alone', async () => {
  const order = ['--subject', 'CN=Renewed,O=My Company', '--key-type', 'P-256', '--days', '90'];
  const made = await issue('renewed', ...order, '--token', 'responder');
  expect(made.exitCode, made.err).toBe(0);
  const out = path.join(ground.directory, 'renewed.crt');
  expect(await issue('renewed', ...order.slice(0, -1), '180', '--token', 'responder', '--out', out)).toMatchObject({ exitCode: 0 });
  const longer = ground.file('renewed.der', openssl('x509', '-in', out));
  for (let left = 2; left > 0; left--) await onResponders.tool('--delete-object', '--type', 'cert', '--label', 'renewed');
  const id = nssId(readFileSync(out, 'utf8'));
  await onResponders.tool('--write-object', longer, '--type', 'cert', '--label', 'renewed', '--id', id);
  const said = await issue('renewed', ...order, '--token', 'responder', '--out', out);
  expect(said).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/; key there already, certificate on the token 'responders' already\n$/u) as string,
  });
  expect((await onResponders.objects()).filter((object) => object.startsWith('Certificate renewed'))).toEqual([
    `Certificate renewed ${id}`,
  ]);
  expect(readFileSync(out, 'utf8')).toBe(openssl('x509', '-in', longer));
});

it('refuses another place than the file’s, and looks for clashes on that token', async () => {
  const before = [await ground.objects(), await onResponders.objects()];
  const key = ['--key-type', 'P-256'];
  for (const [nickname, flags, why] of [
    ['ocsp', ['--subject', 'CN=OCSP', '--token', 'root token'], /In .*root\.toml the certificate 'ocsp' is on \[tokens\.responder\]/u],
    ['root', ['--subject', 'CN=x', '--token', 'responder'], /In .*root\.toml the certificate 'root' is on \[token\], and not on/u],
    ['x', ['--subject', 'CN=x', '--token', 'missing'], /has no token 'missing'; it has 'root token', 'responder'/u],
    ['x', ['--subject', 'CN=OCSP,O=My Company', '--token', 'responder'], /The certificate 'ocsp' on token 'responders' has the subject/u],
    ['shared', ['--subject', 'CN=s', '--token', 'responder'], /The nickname 'shared' on the token 'responders' belongs to .*'other'/u],
    ['other CA', ['--subject', 'CN=s', '--token', 'responder'], /'other CA' on the token 'responders' belongs to .*, whose CA has it/u],
  ] as const) {
    const said = await issue(nickname, ...flags, ...key);
    expect(said.exitCode, said.out).toBeGreaterThan(0);
    expect(said.err).toMatch(why);
  }
  const csr = await hsmonger('ca', 'issue', '--instance', 'root', '--in', 'x.csr', '--token', 'responder', ...ground.here);
  expect(csr).toMatchObject({ exitCode: 2, err: expect.stringMatching(/--token, .* go with --nickname/u) as string });
  expect([await ground.objects(), await onResponders.objects()]).toEqual(before);
  // On the CA's own token nobody has that nickname.
  const own = await issue('shared', '--subject', 'CN=Shared', ...key);
  expect(own.exitCode, own.err).toBe(0);
  expect(own.err).not.toContain('token = ');
});

it('a key that can leave the token, or has not the CKA_ID certmonger looks for, is told, with the command that mends the latter', async () => {
  const pair = ['--keypairgen', '--key-type', 'EC:prime256v1', '--extractable'];
  await ground.pkcs11Tool(...pair, '--label', 'loose', '--id', '4711');
  await onResponders.tool(...pair, '--label', 'loose', '--id', '4712');
  const leaves = /The key 'loose' can leave the token \(CKA_SENSITIVE is not true or CKA_EXTRACTABLE not false\)/u;
  const root = await hsmonger(
    ...['ca', 'init-root', '--instance', 'loose', ...ground.here, ...ground.onToken, '--subject', 'CN=Loose', '--key', 'loose'],
  );
  expect(root.exitCode, root.err).toBe(0);
  expect(root.err).toMatch(leaves);
  expect(commandIn(root.err)).toEqual(['token', 'move-id', '--instance', 'loose', '4711']);

  const order = ['--subject', 'CN=Loose OCSP', '--key', 'loose', '--token', 'responder'];
  const said = await issue('loose OCSP', ...order);
  expect(said.exitCode, said.err).toBe(0);
  expect(said.err).toMatch(leaves);
  const moved = await hsmonger(...commandIn(said.err), ...ground.here);
  expect(moved.exitCode, moved.err).toBe(0);
  const again = await issue('loose OCSP', ...order);
  expect(again.out).toMatch(/; key there already, certificate on the token 'responders' already\n$/u);
  expect(again.err).toMatch(leaves);
  expect(again.err).not.toContain('move-id');
  const id = nssId(await onResponders.certificate('loose OCSP'));
  expect(await onResponders.objects()).toEqual(
    expect.arrayContaining([`Certificate loose OCSP ${id}`, `Private loose ${id}`, `Public loose ${id}`]),
  );
  const strict = await issue('strict', '--subject', 'CN=Strict', '--key-type', 'P-256');
  expect(strict.exitCode, strict.err).toBe(0);
  expect(strict.err).not.toMatch(/can leave|move-id/u);
});
