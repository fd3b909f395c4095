import { X509Certificate } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listedObjects } from '../../rig/pkcs11-listing.js';
import { runAs } from '../../rig/run-as.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { hsmonger, type Said } from '../site.js';
import { tokenSite, type Key, type TokenSite } from './site.js';

let site: TokenSite;

beforeAll(async () => {
  site = await tokenSite();
});

afterAll(() => {
  site.remove();
});

const parsed = (said: Said) => JSON.parse(said.out) as Key[];

describe('modules and mechanisms', () => {
  test('modules shows the libraries that are here, and none that is not', async () => {
    const found = JSON.parse((await site.ok('modules', '--json')).out) as {
      product: string;
      path: string;
      realPath: string;
      problem?: string;
      environment: Record<string, string>;
    }[];
    const soft = found.find(({ product }) => product === 'SoftHSM2');
    expect(soft).toMatchObject({ realPath: realpathSync(site.token.module), environment: { SOFTHSM2_CONF: expect.any(String) as string } });
    expect(soft?.problem).toBeUndefined();
    expect(found.every(({ path: one }) => existsSync(one))).toBe(true);
    expect((await site.ok('modules')).out).toContain('SOFTHSM2_CONF: path of softhsm2.conf');
  });

  test('list --mechanisms shows what pkcs11-tool -M shows', async () => {
    const [all] = JSON.parse((await site.ok('list', '--mechanisms', '--json', ...site.flags)).out) as {
      mechanisms: { name: string; uses: string[]; minKeySize: number; maxKeySize: number }[];
    }[];
    const generation = all!.mechanisms.find(({ name }) => name === 'CKM_RSA_PKCS_KEY_PAIR_GEN')!;
    const line = (await site.pkcs11Tool('-M')).split('\n').find((one) => one.includes('RSA-PKCS-KEY-PAIR-GEN'));
    expect(line).toContain(`keySize={${String(generation.minKeySize)},${String(generation.maxKeySize)}}`);
    expect(generation.uses).toEqual(['generate-key-pair']);
    expect((await site.ok('list', '--mechanisms', ...site.flags)).out).toMatch(/CKM_ECDSA +\d+-\d+ +sign, verify/u);
  });
});

describe('keys', () => {
  test('keygen makes what keys finds by label, id and URI; p11tool takes the URI, and keys takes what p11tool prints', async () => {
    const key = await site.made('made here');
    const fits = [
      { label: 'made here', id: key.id, kind: 'private', uri: key.uri },
      { label: 'made here', id: key.id, kind: 'public' },
    ];
    for (const selector of ['made here', key.id, `0x${key.id}`])
      expect(parsed(await site.ok('keys', selector, '--json', ...site.flags))).toMatchObject(fits);
    expect(parsed(await site.ok('keys', key.uri, '--json', ...site.flags))).toMatchObject([fits[0]]);
    const shown = (
      await runAs(
        site.token.owner,
        'p11tool',
        ['--provider', site.token.module, '--login', '--set-pin', site.token.pin, '--list-privkeys', '--only-urls', key.uri],
        { env: { ...site.token.environment } },
      )
    ).stdout
      .split('\n')
      .filter((line) => line.startsWith('pkcs11:'));
    expect(shown).toHaveLength(1);
    expect(parsed(await site.ok('keys', shown[0]!.replace('model=', ';model='), '--json', ...site.flags))).toMatchObject([fits[0]]);
    // The URI alone says it all.
    const whole = `${key.uri}?module-path=${site.token.module}&pin-source=file:${site.token.pinFile}`;
    const inFull = whole.replace('pkcs11:', 'PKCS11:').replace('file:', 'FILE://localhost');
    expect(parsed(await site.ok('keys', inFull, '--json', ...site.here))).toHaveLength(1);
    expect(parsed(await site.ok('keys', whole, '--json', ...site.here))).toMatchObject([fits[0]]);
    const nobody = await hsmonger('token', 'keys', 'nobody', ...site.flags);
    expect(nobody).toMatchObject({ exitCode: 1, err: expect.stringContaining("'nobody' names no key") as string });
  });

  test('keygen refuses a label that is there, a type nobody makes, and an id that is none', async () => {
    await site.made('once');
    for (const [argv, code, message] of [
      [['--type', 'P-256', '--label', 'once'], 1, /label 'once'.*already/u],
      [['--type', 'rsa:1024', '--label', 'weak'], 2, /less than 2048/u],
      [['--type', 'P-192', '--label', 'odd'], 2, /no key type/u],
      [['--type', 'P-256', '--label', 'odd', '--id', '123'], 2, /hexadecimal digits in pairs/u],
    ] as const) {
      const said = await hsmonger('token', 'keygen', ...argv, ...site.flags);
      expect(said).toMatchObject({ exitCode: code, err: expect.stringMatching(message) as string });
    }
  });

  test('keygen refuses a CKA_ID that anything has: a stray public key or certificate would be taken for the new one', async () => {
    await site.made('halved', '--id', '0c01');
    await site.pkcs11Tool('--delete-object', '--type', 'privkey', '--id', '0c01');
    const pem = site.certificateFor(await site.spkiOf('0c01'), 'stray', '/CN=stray');
    const der = site.file('stray.der');
    execFileSync('openssl', ['x509', '-in', pem, '-outform', 'DER', '-out', der]);
    await site.pkcs11Tool('--write-object', der, '--type', 'cert', '--id', '0c02', '--label', 'stray');
    const before = await site.pkcs11Tool('--list-objects');
    for (const [id, what] of [
      ['0c01', 'public key'],
      ['0c02', 'certificate'],
    ] as const)
      expect(await hsmonger('token', 'keygen', '--type', 'P-256', '--label', 'new', '--id', id, ...site.flags)).toMatchObject({
        exitCode: 1,
        err: expect.stringMatching(new RegExp(`^hsmonger: Another ${what} on token .* has the CKA_ID ${id} already`, 'u')) as string,
      });
    expect(await site.pkcs11Tool('--list-objects')).toBe(before);
  });
});

describe('certificates', () => {
  test('import-cert puts one beside its key, export-cert gives it back, and a stranger needs --without-key', async () => {
    const key = await site.made('server');
    const pem = site.certificateFor(await site.spkiOf(key.id), 'server', '/CN=server', '-days', '30');
    const said = JSON.parse((await site.ok('import-cert', pem, '--json', ...site.flags)).out) as {
      label: string;
      id: string;
      outcome: string;
      uri: string;
    };
    expect(said).toMatchObject({ label: 'server', id: key.id, outcome: 'stored' });
    expect((await site.ok('import-cert', pem, ...site.flags)).out).toContain('there already');
    expect(parsed(await site.ok('keys', 'server', '--json', ...site.flags))[0]!.certificates).toEqual(['server']);
    const out = site.file('exported.pem');
    await site.ok('export-cert', said.uri, '--out', out, ...site.flags);
    expect(new X509Certificate(readFileSync(out)).fingerprint256).toBe(new X509Certificate(readFileSync(pem)).fingerprint256);
    // The same again is no harm; anything else is somebody's.
    await site.ok('export-cert', 'server', '--out', out, ...site.flags);
    writeFileSync(out, 'another');
    expect((await hsmonger('token', 'export-cert', 'server', '--out', out, ...site.flags)).err).toContain('is there already');
    expect(readFileSync(out, 'utf8')).toBe('another');

    const stranger = site.file('outside.pem');
    expect(await hsmonger('token', 'import-cert', stranger, '--label', 'outside', ...site.flags)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('no private key for the public key') as string,
    });
    await site.ok('import-cert', stranger, '--label', 'outside', '--without-key', ...site.flags);
    expect((await site.ok('export-cert', 'outside', ...site.flags)).out).toBe(readFileSync(stranger, 'latin1'));
    expect(await hsmonger('token', 'import-cert', site.token.pinFile, '--label', 'x', ...site.flags)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('holds no certificate') as string,
    });
  });

  test('prune takes the superseded one off and archives it, once told to; the chain, the newest and every key stay', async () => {
    const key = await site.made('renewed');
    const spki = await site.spkiOf(key.id);
    const [old, other] = [
      site.certificateFor(spki, 'old', '/CN=renewed', '-days', '10'),
      site.certificateFor(spki, 'other', '/CN=another subject', '-days', '5'),
    ];
    await site.ok('import-cert', old, ...site.flags);
    await site.ok('import-cert', other, '--label', 'another', ...site.flags);
    // openssl dates a certificate to the second, and the new one must begin later.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await site.ok('import-cert', site.certificateFor(spki, 'next', '/CN=renewed', '-days', '100'), ...site.flags);
    const before = await site.pkcs11Tool('--list-objects');

    const plan = await site.ok('prune', ...site.flags);
    expect(plan.out).toMatch(/^renewed .*would be removed/mu);
    expect(plan.err).toContain('Nothing was removed');
    expect(await site.pkcs11Tool('--list-objects')).toBe(before);

    // Flags are no way round what the instance file says of the other hosts (design rule 11).
    const write = (name: string, issuer: string, tracked: string) => {
      const file = path.join(site.directory, 'etc', `${name}.toml`);
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
      writeFileSync(
        file,
        `user = "${ensureServiceUser().name}"\n[token]\nlabel = "${site.token.label}"\nmodule = "${site.token.module}"\npin-file = "${site.token.pinFile}"\nenvironment = { SOFTHSM2_CONF = "${site.token.confFile}" }\n[nss]\ndatabase = "${site.directory}"\n[issuer]\ntype = "token"\n${issuer}\n[[certificate]]\nnickname = "${tracked}"\nprofile = "caCACert"\n`,
        { mode: 0o644 },
      );
      return file;
    };
    const ofOther = 'owner = "another.host.test"';
    const file = write('clone', `certificate = "ca"\n${ofOther}`, 'ca');
    expect(await hsmonger('token', 'prune', '--yes', ...site.flags)).toMatchObject({
      exitCode: 2,
      err: expect.stringMatching(
        /^hsmonger: Nothing is removed .* by flags alone: It holds the keys of instance 'clone'\. .*--instance/u,
      ) as string,
    });
    expect((await hsmonger('token', 'prune', '--yes', '--instance', 'clone', ...site.here.slice(2))).err).toContain(
      'only the renewal master removes',
    );
    expect((await site.ok('prune', ...site.flags)).out).toContain('would be removed');
    expect(await site.pkcs11Tool('--list-objects')).toBe(before);

    // Nor is another instance's file, which knows nothing of those hosts.
    const alone = write('alone', 'certificate = "alone"', 'alone');
    const asAlone = (...more: string[]) => hsmonger('token', 'prune', '--instance', 'alone', ...more, ...site.here.slice(2));
    expect((await asAlone()).out).toMatch(/^renewed .*would be removed/mu);
    for (const [issuer, tracked, tracksToo] of [
      ['ca', 'renewed', 'alone'],
      // As of a root that renews its intermediate.
      ['renewed', 'ca', 'renewed'],
    ] as const) {
      write('clone', `certificate = "${issuer}"\n${ofOther}`, tracked);
      write('alone', 'certificate = "alone"', tracksToo);
      const said = await asAlone('--yes');
      expect(said.out).toMatch(/^renewed .*left to clone +-$/mu);
      expect(said).toMatchObject({ exitCode: 0, err: expect.stringContaining("'hsmonger token prune --instance clone'") as string });
    }
    writeFileSync(file, 'user = 1');
    expect(await asAlone('--yes')).toMatchObject({
      exitCode: 2,
      err: expect.stringMatching(/^hsmonger: Nothing is removed .*: What instance 'clone' has on it cannot be told: /u) as string,
    });
    expect(await site.pkcs11Tool('--list-objects')).toBe(before);
    rmSync(file);
    rmSync(alone);

    const done = JSON.parse((await site.ok('prune', '--yes', '--json', ...site.flags)).out) as {
      label: string;
      outcome: string;
      file: string;
    }[];
    expect(done).toMatchObject([{ label: 'renewed', outcome: 'removed' }]);
    expect(new X509Certificate(readFileSync(done[0]!.file)).fingerprint256).toBe(new X509Certificate(readFileSync(old)).fingerprint256);
    const after = await site.pkcs11Tool('--list-objects');
    const count = (text: string, kind: string) => listedObjects(text).filter((one) => one.kind === kind).length;
    expect(count(after, 'Certificate')).toBe(count(before, 'Certificate') - 1);
    expect(count(after, 'Private Key')).toBe(count(before, 'Private Key'));
    expect(count(after, 'Public Key')).toBe(count(before, 'Public Key'));
    expect((await site.ok('export-cert', 'renewed', ...site.flags)).out).toBe(readFileSync(site.file('next.pem'), 'latin1'));
    expect((await site.ok('prune', ...site.flags)).err).toContain('No certificate on the token is superseded');
  });
});

test('import-cert refuses a second certificate for a subject under another label: certmonger would delete one, key and all', async () => {
  const [first, second] = [await site.made('twin one'), await site.made('twin two')];
  await site.ok('import-cert', site.certificateFor(await site.spkiOf(first.id), 'twin1', '/CN=twin'), '--label', 'twin one', ...site.flags);
  const file = site.certificateFor(await site.spkiOf(second.id), 'twin2', '/CN=twin');
  expect(await hsmonger('token', 'import-cert', file, '--label', 'twin two', ...site.flags)).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining("'twin one' on token 'softhsm_token' is for the same subject") as string,
  });
});
