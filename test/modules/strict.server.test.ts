import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lintMany, type LintKind } from '../rig/lint/lint.js';
import { softHsm } from '../rig/modules/softhsm.js';
import { openssl } from '../x509/openssl.js';
import { useCommands } from './commands.js';
import { startResponder } from './responder.js';
import { freePort } from '../rig/free-port.js';

const { at, token, here, said } = useCommands(softHsm);

/** Requests by keys of each kind that can be in one, and by subjects that are not just a name. */
const keys = {
  rsa: ['rsa:2048'],
  p256: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  ed25519: ['ed25519'],
} as const;
const subjects = {
  plain: '/C=US/O=Strict/CN=a.example.test',
  mail: '/O=Strict/CN=Ä/emailAddress=a@example.test',
  site: '/DC=test/DC=example/OU=x/CN=y',
  none: '/',
} as const;
const names = [
  'dns:*.example.test',
  'dns:a.example.test',
  'ip:192.0.2.1',
  'ip:2001:db8::1',
  'email:a@example.test',
  'uri:https://example.test/a',
  'dirName:CN=Example,O=Strict',
];
const everything = [
  '--crl-url',
  'http://pki.example.test/a.crl',
  '--crl-url',
  'ldap:///cn=a?certificateRevocationList',
  '--issuer-url',
  'http://pki.example.test/a.crt',
  '--ns-cert-type',
  '--ns-comment',
  'Strict',
  '--authority-key-id',
  'key-and-issuer',
];

const read = (file: string): Uint8Array => {
  const text = readFileSync(file, 'latin1');
  const [block] = /-----BEGIN[^]*?-----END/u.exec(text) ?? [];
  return block === undefined
    ? Uint8Array.from(Buffer.from(text, 'latin1'))
    : Uint8Array.from(Buffer.from(block.replace(/-----[^-]*(?:-----|$)/gu, ''), 'base64'));
};
const findings = async (kind: LintKind, files: readonly string[]): Promise<Record<string, string[]>> => {
  const all = await lintMany(files.map((file) => ({ kind, der: read(file) })));
  return Object.fromEntries(
    files.flatMap((file, index) => (all[index]!.length === 0 ? [] : [[file, all[index]!.map(({ finding }) => finding)]])),
  );
};
const issue = (instance: string, ...more: readonly string[]) => said('ca', 'issue', '--instance', instance, ...more);

/** By below, on which everything is said. */
const issued = (): string[] =>
  ['plain', 'site'].flatMap((subject) => readdirSync(at(`below-client-${subject}`)).map((file) => at(`below-client-${subject}/${file}`)));

/** Everything that can be said to a CA is said here, and what it makes of it is shown to the linter. */
describe('with all there is to say, nothing is found in', () => {
  it('the certificates of CAs', async () => {
    await said(
      'ca',
      'init-root',
      '--instance',
      'root',
      ...token(),
      '--subject',
      'CN=Strict root,O=Strict,C=US',
      '--key-type',
      'rsa:2048',
      '--rsa-signature',
      'pss',
      '--days',
      '12000',
      '--path-length',
      '2',
      '--permit',
      'dns:example.test',
      '--permit',
      'ip:192.0.2.0/24',
      '--permit',
      'ip:2001:db8::/32',
      '--permit',
      'email:example.test',
      '--permit',
      'uri:.example.test',
      '--permit',
      'uri:example.test',
      '--permit',
      'dirName:O=Strict',
      '--permit',
      'dirName:DC=example,DC=test',
      '--permit',
      'dirName:C=US',
      '--exclude',
      'dns:no.test',
      ...everything,
      '--ocsp-url',
      'http://ocsp.example.test/',
    );
    await said(
      'ca',
      'init-intermediate',
      '--instance',
      'below',
      '--issuer',
      'root',
      '--subject',
      'CN=Strict CA,O=Strict',
      '--key-type',
      'P-384',
      '--path-length',
      '1',
      '--permit',
      'email:a@example.test',
      '--exclude',
      'ip:192.0.2.128/25',
      ...everything,
      '--ocsp-url',
      'https://ocsp.example.test/a?b=c',
    );
    await said('ca', 'init-root', '--instance', 'plain', ...token(), '--subject', 'CN=Plain', '--key-type', 'Ed25519');
    await issue(
      'plain',
      '--profile',
      'sub-ca',
      '--subject',
      'CN=Ä,OU=b+CN=c',
      '--key-type',
      'P-256',
      '--nickname',
      'sub',
      '--permit',
      'dns:a.test',
      '--path-length',
      '3',
      '--out',
      at('sub.pem'),
    );
    for (const instance of ['root', 'below', 'plain']) await said('ca', 'chain', '--instance', instance, '--out', at(`${instance}.pem`));
    expect(
      await findings(
        'certificate',
        ['root', 'below', 'plain', 'sub'].map((name) => at(`${name}.pem`)),
      ),
    ).toEqual({});
  });

  it('certificates by every profile for every kind of key', async () => {
    for (const [key, flags] of Object.entries(keys)) {
      for (const [subject, text] of Object.entries(subjects)) {
        mkdirSync(at(`requests-${subject}`), { recursive: true });
        openssl([
          'req',
          '-new',
          '-newkey',
          ...flags,
          '-nodes',
          '-keyout',
          at('any.key'),
          '-utf8',
          '-subj',
          text,
          '-out',
          at(`requests-${subject}/${key}.csr`),
        ]);
      }
    }
    const all = Object.keys(subjects);
    const orders = (
      [
        ['below', 'server', all],
        ['below', 'client', all],
        ['below', 'subsystem', ['plain']],
        ['below', 'audit', ['plain']],
        ['plain', 'server', all],
      ] as const
    ).flatMap(([instance, profile, of]) =>
      of.map((subject) => ({ instance, profile, subject, directory: at(`${instance}-${profile}-${subject}`) })),
    );
    for (const { instance, profile, subject, directory } of orders) {
      mkdirSync(directory);
      const san = subject === 'none' || profile === 'server' ? names : [];
      await issue(
        instance,
        '--profile',
        profile,
        '--in-dir',
        at(`requests-${subject}`),
        '--out-dir',
        directory,
        ...san.flatMap((name) => ['--san', name]),
        '--again',
      );
    }
    await issue(
      'root',
      '--profile',
      'ocsp',
      '--subject',
      'CN=Strict OCSP,O=Strict',
      '--key-type',
      'P-256',
      '--nickname',
      'ocsp',
      '--out',
      at('ocsp.pem'),
    );
    const made = orders.flatMap(({ directory }) => readdirSync(directory).map((file) => `${directory}/${file}`));
    expect(made).toHaveLength(orders.length * Object.keys(keys).length);
    expect(await findings('certificate', [...made, at('ocsp.pem')])).toEqual({});
  }, 180_000);

  it('CRLs of nothing, of every reason, of dates and after a hold that ended', async () => {
    await said('ca', 'crl', '--instance', 'plain', '--out', at('empty.crl'));
    const revoked = issued();
    const reasons = ['unspecified', 'keyCompromise', 'affiliationChanged', 'cessationOfOperation', 'privilegeWithdrawn', 'certificateHold'];
    for (const [index, reason] of reasons.entries())
      await said(
        'ca',
        'revoke',
        revoked[index]!,
        '--instance',
        'below',
        '--reason',
        reason,
        ...(index < 2 ? ['--invalidity', '2026-03-01T14:30:00Z'] : []),
      );
    await said('ca', 'crl', '--instance', 'below', '--out', at('full.crl'));
    await said('ca', 'unrevoke', revoked[5]!, '--instance', 'below');
    await said('ca', 'crl', '--instance', 'below', '--days', '3650', '--out', at('after.crl'));
    openssl(['x509', '-in', at('below.pem'), '-out', at('alone.pem')]);
    await said('ca', 'revoke', at('alone.pem'), '--instance', 'root', '--reason', 'cACompromise');
    await said('ca', 'crl', '--instance', 'root', '--out', at('root.crl'));
    expect(
      openssl(['crl', '-inform', 'DER', '-in', at('full.crl'), '-noout', '-text'])
        .toString()
        .match(/Serial Number/gu),
    ).toHaveLength(reasons.length);
    expect(
      await findings(
        'crl',
        ['empty', 'full', 'after', 'root'].map((name) => at(`${name}.crl`)),
      ),
    ).toEqual({});
  }, 120_000);

  it.each([
    ['by the CA, by its name', 'below', ['--responder-id', 'name']],
    ['by the CA, by its key', 'below', ['--responder-id', 'key', '--minutes', '1']],
    ['by Ed25519', 'plain', []],
    ['by RSA-PSS', 'root', ['--nickname', 'root']],
    ['by a responder, by its name', 'root', ['--nickname', 'ocsp', '--responder-id', 'name']],
  ] as const)('OCSP answers %s', async (_, instance, flags) => {
    openssl(['x509', '-in', at(`${instance}.pem`), '-out', at('issuer.pem')]);
    openssl([
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      at('any.key'),
      '-subj',
      '/CN=Other',
      '-days',
      '9',
      '-out',
      at('other.pem'),
    ]);
    const port = await freePort();
    const responder = await startResponder(port, '--instance', instance, ...flags, ...here());
    const answers: string[] = [];
    const ask = (...question: readonly string[]) => {
      answers.push(at(`answer-${String(answers.length)}`));
      spawnSync('openssl', [
        'ocsp',
        '-issuer',
        at('issuer.pem'),
        ...question,
        '-url',
        `http://127.0.0.1:${String(port)}/`,
        '-respout',
        answers.at(-1)!,
        '-noverify',
      ]);
    };
    const about = instance === 'below' ? issued() : [at(`${instance === 'root' ? 'below' : 'sub'}.pem`)];
    try {
      for (const subject of about) ask('-cert', subject);
      ask(
        '-no_nonce',
        ...about.flatMap((subject, index) => [index % 2 === 0 ? '-sha256' : '-sha1', '-cert', subject]),
        '-serial',
        '0x1234567890',
        '-sha512',
        '-serial',
        '1',
      );
      ask('-cert', about[0]!, '-issuer', at('other.pem'), '-serial', '7');
      ask('-issuer', at('other.pem'), '-serial', '7');
      execFileSync('curl', [
        '-sSf',
        '-H',
        'Content-Type: application/ocsp-request',
        '--data',
        'x',
        '-o',
        at('malformed'),
        `http://127.0.0.1:${String(port)}/`,
      ]);
    } finally {
      await responder.stop();
    }
    expect(read(at('malformed'))).toEqual(Uint8Array.of(0x30, 0x03, 0x0a, 0x01, 0x01));
    // Nothing of it is this CA's: unauthorized.
    expect(read(answers.at(-1)!)).toEqual(Uint8Array.of(0x30, 0x03, 0x0a, 0x01, 0x06));
    expect(await findings('ocsp', [...answers, at('malformed')])).toEqual({});
  });
});
