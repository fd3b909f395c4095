import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hsmonger } from '../site.js';
import { layGround, openssl, type Ground } from './ground.js';

let ground: Ground;
beforeAll(async () => {
  ground = await layGround();
});
afterAll(() => ground.remove());

const subject = 'CN=My Company Root CA,OU=My Company Certificate Authority,O=My Company,ST=My State,C=US';
const initRoot = (instance: string, ...flags: string[]) => hsmonger('ca', 'init-root', '--instance', instance, ...ground.here, ...flags);
const made = async (instance: string, ...flags: string[]) => {
  const said = await initRoot(instance, ...ground.onToken, ...flags);
  expect(said.exitCode, said.err).toBe(0);
  const file = ground.file(`${instance}.crt`, await ground.certificate(instance));
  return { said, file, text: openssl('x509', '-in', file, '-noout', '-text') };
};

describe("the article's root", () => {
  let root: Awaited<ReturnType<typeof made>>;
  beforeAll(async () => {
    root = await made('root', '--subject', subject, '--key-type', 'EC:secp384r1', '--days', '3650', '--digest', 'sha512');
  });

  it('is what the article shows, line by line', () => {
    expect(root.text).toMatch(
      /Signature Algorithm: ecdsa-with-SHA512\s+Issuer: C = US, ST = My State, O = My Company, OU = My Company Certificate Authority, CN = My Company Root CA\n/u,
    );
    expect(root.text).toContain(
      'Subject: C = US, ST = My State, O = My Company, OU = My Company Certificate Authority, CN = My Company Root CA\n',
    );
    expect(root.text).toContain('Public-Key: (384 bit)');
    expect(root.text).toContain('NIST CURVE: P-384');
    expect(root.text).toMatch(/X509v3 Basic Constraints: critical\s+CA:TRUE\s/u);
    expect(root.text).toMatch(/X509v3 Key Usage: critical\s+Digital Signature, Certificate Sign, CRL Sign\s/u);
    const identifier = /X509v3 Subject Key Identifier: \s+([0-9A-F:]+)/u.exec(root.text)?.[1];
    expect(identifier).toMatch(/^(?:[0-9A-F]{2}:){19}[0-9A-F]{2}$/u);
    expect(/X509v3 Authority Key Identifier: \s+(?:keyid:)?([0-9A-F:]+)/u.exec(root.text)?.[1]).toBe(identifier);
    const [begin, end] = ['startdate', 'enddate'].map((which) =>
      Date.parse(openssl('x509', '-in', root.file, '-noout', `-${which}`).split('=')[1] ?? ''),
    );
    expect(Math.round((end! - begin!) / 86_400_000)).toBe(3650);
  });

  it('is accepted by OpenSSL, strictly, and by GnuTLS', () => {
    expect(openssl('verify', '-x509_strict', '-CAfile', root.file, root.file)).toContain(': OK');
    expect(execFileSync('certtool', ['--verify-chain', '--infile', root.file], { encoding: 'utf8' })).toContain(
      'Chain verification output: Verified.',
    );
  });

  it('lies on the token with its key: label, NSS-style CKA_ID, nothing else', async () => {
    const id = /CKA_ID ([0-9a-f]{40})/u.exec(root.said.out)?.[1] ?? '';
    expect(await ground.objects()).toEqual([`Certificate root ${id}`, `Private root ${id}`, `Public root ${id}`]);
  });

  it('has an instance file and an NSS database of the service user', () => {
    const toml = readFileSync(path.join(ground.config, 'root.toml'), 'utf8');
    expect(toml).toContain('[issuer]\ntype = "token"\ncertificate = "root"\ndigest = "sha512"\n');
    expect(toml).toContain('[[certificate]]\nnickname = "root"\nprofile = "caCACert"\n');
    expect(statSync(path.join(ground.config, 'root.toml'))).toMatchObject({ uid: 0, mode: 0o100644 });
    const database = path.join(ground.state, 'root', 'nss');
    for (const name of ['cert9.db', 'key4.db', 'pkcs11.txt']) expect(statSync(path.join(database, name)).uid).toBe(ground.owner.uid);
    expect(execFileSync('find', [path.join(ground.state, 'root'), '!', '-user', ground.owner.name], { encoding: 'utf8' })).toBe('');
  });

  it('is made once: run again nothing changes, with the same flags and without', async () => {
    const [objects, toml] = [await ground.objects(), readFileSync(path.join(ground.config, 'root.toml'))];
    for (const flags of [[], ['--subject', subject, '--key-type', 'EC:secp384r1', '--digest', 'sha512', ...ground.onToken]]) {
      const said = await initRoot('root', ...flags);
      expect(said.exitCode, said.err).toBe(0);
      expect(said.out).toContain('is there already; nothing was changed.');
    }
    expect(await ground.objects()).toEqual(objects);
    expect(readFileSync(path.join(ground.config, 'root.toml'))).toEqual(toml);
  });

  it('refuses what would not agree with it, or cost it its key', async () => {
    const objects = await ground.objects();
    for (const [flags, why] of [
      [['--instance', 'root', '--digest', 'sha256'], /says otherwise than --digest/u],
      [['--instance', 'root', '--days', '30'], /says otherwise than --days/u],
      [['--instance', 'root', '--path-length', '0'], /is there already and says otherwise than --path-length: /u],
      [
        ['--instance', 'root', '--path-length', '0', '--permit', 'dns:a.test'],
        /says otherwise than --path-length, --permit and --exclude: .*Leave them out/u,
      ],
      [['--instance', 'root', '--user', 'nobody'], /says otherwise than --user: edit the file and run ca init-root without/u],
      [
        ['--instance', 'second', ...ground.onToken, '--subject', 'CN=Second', '--key-type', 'P-256', '--policy', 'company=match'],
        /--policy names a field 'company', which is not known here/u,
      ],
      [
        ['--instance', 'second', ...ground.onToken, '--subject', 'CN=A, B', '--key-type', 'P-256'],
        /from character 6 on \(a comma, plus sign or quotation mark inside a value has a backslash in front\)/u,
      ],
      [['--instance', 'root', '--subject', 'CN=Another'], /is CN=My Company Root CA.*'s; choose another --nickname/u],
      [['--instance', 'second', ...ground.onToken, '--subject', subject, '--key-type', 'P-256'], /certmonger would delete it and its key/u],
      [['--instance', 'second', ...ground.onToken, '--subject', 'CN=Second', '--key', 'root'], /is that of the certificate 'root'/u],
      [
        ['--instance', 'second', ...ground.onToken, '--subject', 'CN=Second', '--key', 'missing'],
        /no private key with the label 'missing'/u,
      ],
      [['--instance', 'second', ...ground.onToken, '--subject', 'CN=Second'], /name its key with --key, or have one made with --key-type/u],
      [['--instance', 'second', ...ground.onToken, '--subject', 'CN=Second', '--key-type', 'rsa:1024'], /less than 2048/u],
      [['--instance', 'second', ...ground.onToken, '--subject', '', '--key-type', 'P-256'], /must have a subject/u],
      [
        ['--instance', 'second', ...ground.onToken, '--subject', 'CN=Second', '--key-type', 'P-256', '--nickname', 'a:b'],
        /must not hold ':'/u,
      ],
      [['--instance', 'second', '--subject', 'CN=Second', '--key-type', 'P-256'], /wants --module and --token and --pin-file/u],
      [['--instance', 'second', ...ground.onToken, '--subject', 'CN=Second', '--key', 'x', '--key-type', 'P-256'], /mutually exclusive/u],
    ] as const) {
      const said = await hsmonger('ca', 'init-root', ...ground.here, ...flags);
      expect(said.exitCode, said.out).toBeGreaterThan(0);
      expect(said.err).toMatch(why);
    }
    // The one refusal that comes after a key is made would be a defect.
    expect(await ground.objects()).toEqual(objects);
  });
});

describe('other keys, names and ways', () => {
  it.each([
    [
      'big',
      ['--key-type', 'rsa:4096', '--subject', '/C=DE/O=Größe, Maß & Söhne/CN=Wurzel 根'],
      /sha256WithRSAEncryption[^]*O = Größe, Maß & Söhne, CN = Wurzel 根[^]*\(4096 bit\)/u,
    ],
    [
      'pss',
      ['--key-type', 'rsa:2048', '--rsa-signature', 'pss', '--digest', 'sha384', '--subject', 'CN=PSS Root\\, the first'],
      /Signature Algorithm: rsassaPss\s+Hash Algorithm: sha384[^]*CN = PSS Root, the first/u,
    ],
    ['edwards', ['--key-type', 'Ed25519', '--subject', 'CN=Edwards Root,O=My Company'], /Signature Algorithm: ED25519/u],
    [
      'narrow',
      [
        '--key-type',
        'P-256',
        '--subject',
        'CN=Narrow Root',
        '--path-length',
        '1',
        '--permit',
        'dns:example.test',
        '--permit',
        'ip:192.0.2.0/24',
        '--exclude',
        'dns:secret.example.test',
        '--authority-key-id',
        'key-and-issuer',
        '--days',
        '36500',
      ],
      /CA:TRUE, pathlen:1\s[^]*X509v3 Name Constraints: critical\s+Permitted:\s+DNS:example\.test\s+IP:192\.0\.2\.0\/255\.255\.255\.0\s+Excluded:\s+DNS:secret\.example\.test/u,
    ],
  ] as const)('%s: OpenSSL reads and verifies it', async (instance, flags, reads) => {
    const { file, text } = await made(instance, ...flags);
    expect(openssl('x509', '-in', file, '-noout', '-text', '-nameopt', 'utf8,sep_comma_plus_space,space_eq') + text).toMatch(reads);
    expect(openssl('verify', '-x509_strict', '-CAfile', file, file)).toContain(': OK');
    expect(execFileSync('certtool', ['-i', '--infile', file], { encoding: 'utf8' })).toContain('Certificate Authority (CA): TRUE');
  });

  it('made with constraints is there already with the same ones, and not with others', async () => {
    const again = (...flags: string[]) => initRoot('narrow', '--days', '36500', ...flags);
    const permits = ['--permit', 'dns:example.test', '--permit', 'ip:192.0.2.0/24'];
    const same = await again('--path-length', '1', ...permits, '--exclude', 'dns:secret.example.test');
    expect(same).toMatchObject({ exitCode: 0, out: expect.stringContaining('nothing was changed') as string });
    for (const [flags, why] of [
      [permits, /otherwise than --permit and --exclude: /u],
      [['--path-length', '2'], /otherwise than --path-length: /u],
    ] as const)
      expect(await again(...flags)).toMatchObject({ exitCode: 2, err: expect.stringMatching(why) as string });
  });

  it('names its issuer and serial too where that is asked for, and its validity passes 2049', () => {
    const file = path.join(ground.directory, 'narrow.crt');
    const text = openssl('x509', '-in', file, '-noout', '-text');
    expect(text).toContain('DirName:/CN=Narrow Root');
    expect(/Authority Key Identifier:[^]*?serial:([0-9A-F:]+)/u.exec(text)?.[1]?.replaceAll(':', '').toLowerCase()).toBe(
      openssl('x509', '-in', file, '-noout', '-serial').split('=')[1]?.trim().toLowerCase(),
    );
    // RFC 5280 §4.1.2.5: UTCTime for what is before 2050, GeneralizedTime after.
    expect(openssl('asn1parse', '-in', file)).toMatch(/UTCTIME[^\n]*\n[^\n]*GENERALIZEDTIME\s+:21/u);
  });

  it('takes a key that is there, by label, CKA_ID and URI, and warns where certmonger would lose it', async () => {
    const fixes: string[][] = [];
    const ids = { 'key a': '00a1', 'key b': '00b2', 'key c': '00c3' };
    for (const [label, id] of Object.entries(ids))
      await ground.pkcs11Tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', label, '--id', id);
    for (const [instance, name] of [
      ['by-label', 'key a'],
      ['by-id', '00B2'],
      ['by-uri', 'pkcs11:token=pki;object=key%20c;type=private'],
    ] as const) {
      const { said } = await made(instance, '--subject', `CN=Root ${instance}`, '--key', name);
      expect(said.out).not.toContain('made the key');
      expect(said.err).toContain('is not the one NSS computes');
      fixes.push(/run 'hsmonger ([^']+)' before 'hsmonger setup'/u.exec(said.err)?.[1]?.split(' ') ?? []);
    }
    expect((await ground.objects()).filter((object) => object.startsWith('Certificate by-'))).toEqual([
      'Certificate by-id 00b2',
      'Certificate by-label 00a1',
      'Certificate by-uri 00c3',
    ]);
    // What it says to run helps.
    for (const fix of fixes)
      expect(await hsmonger(...fix, ...ground.here)).toMatchObject({
        exitCode: 0,
        out: expect.stringContaining('have the CKA_ID that NSS looks for') as string,
      });
    expect((await ground.objects()).filter((object) => / 00[abc]\d$/u.test(object))).toEqual([]);
  });
});

it('a signature the key never makes is refused before there is a key, and on one that is there', async () => {
  const spare = await hsmonger('token', 'keygen', '--type', 'P-256', '--label', 'spare', ...ground.onToken, ...ground.here);
  expect(spare.exitCode, spare.err).toBe(0);
  const before = await ground.objects();
  for (const [flags, why] of [
    [
      ['--key-type', 'P-256', '--rsa-signature', 'pss'],
      /The signature 'pss' \(rsa-signature\) is for RSA keys, and this key's type is EC: /u,
    ],
    [['--key-type', 'Ed25519', '--digest', 'sha384'], /The digest 'sha384' has no meaning for Ed25519/u],
    [['--key', 'spare', '--rsa-signature', 'pss'], /is for RSA keys, and this key's type is EC: /u],
  ] as const) {
    for (const command of [['init-root'], ['csr']]) {
      const said = await hsmonger(
        'ca',
        ...command,
        '--instance',
        'odd',
        ...ground.here,
        ...ground.onToken,
        '--subject',
        'CN=Odd',
        ...flags,
      );
      expect(said).toMatchObject({ exitCode: 2, out: '', err: expect.stringMatching(why) as string });
      expect(said.err).toMatch(/^hsmonger: [^\n]+\n$/u);
    }
  }
  expect(await ground.objects()).toEqual(before);
  expect(existsSync(path.join(ground.config, 'odd.toml'))).toBe(false);
});
