import { beforeAll, describe, expect, test } from 'vitest';
import type { Instance } from '../../src/config/instance.js';
import { checks } from '../../src/doctor/checks.js';
import type { DoctorFacts } from '../../src/doctor/facts.js';
import type { InternalSight, NssContents, NssSight } from '../../src/doctor/facts/nss.js';
import type { TokenSight } from '../../src/doctor/facts/token.js';
import { runChecks, type Result } from '../../src/doctor/run.js';
import type { TokenDescription, TokenKey } from '../../src/pkcs11/token.js';
import { makePair, type Pair } from '../tracking/facts.js';
import { goodFacts, goodInternal, goodNss, goodToken, unknownFacts } from './facts.js';

const own = checks.filter(({ source }) => /^hsmonger\.(?:module|token|pin|keys|certificates|nss)$/u.test(source));
const look = (facts: DoctorFacts) => runChecks(own, facts, () => 0);
const failures = (facts: DoctorFacts) => look(facts).filter(({ severity }) => severity !== 'success');
/** "severity Check key", and the sentence. */
const told = (results: readonly Result[]) => results.map(({ severity, check, key }) => `${severity} ${check} ${key}`);

let ca: Pair;
let ocsp: Pair;
let good: DoctorFacts;
let token: TokenSight & { readonly token: { readonly ok: true }; readonly login: { readonly ok: true } };

beforeAll(async () => {
  ca = await makePair('ca');
  ocsp = await makePair('ocsp');
  good = goodFacts(ca, ocsp);
  token = goodToken([ca, ocsp]) as typeof token;
});

const withToken = (change: Partial<TokenSight>): DoctorFacts => ({ ...good, token: { known: true, value: { ...token, ...change } } });
const withDescription = (change: Partial<TokenDescription>) =>
  withToken({ token: { ...token.token, description: { ...token.token.description, ...change } } });
const withKey = (change: Partial<TokenKey>) =>
  withToken({ login: { ...token.login, keys: token.login.keys.map((key, index) => (index === 0 ? { ...key, ...change } : key)) } });
const withCertificates = (...pairs: Pair[]) =>
  withToken({ token: { ...token.token, certificates: pairs.map(({ certificate }) => certificate) } });
const withNss = (change: Partial<NssSight>): DoctorFacts => ({ ...good, nss: { known: true, value: { ...goodNss, ...change } } });
const withContents = (change: Partial<NssContents>) => withNss({ contents: { ...goodNss.contents, ...change } });
const withInternal = (change: Partial<InternalSight>, nss: Partial<Instance['nss']> = {}): DoctorFacts => ({
  ...good,
  instance: { ...good.instance, nss: { ...good.instance.nss, ...nss } },
  internal: { known: true, value: { ...goodInternal, ...change } },
});
const trouble = (code: string, problem = 'It failed.') => ({ ok: false, code, problem }) as TokenSight['token'] & { readonly ok: false };

test('where all is well every check says so, once', () => {
  const results = look(good);
  expect(told(results).filter((line) => !line.startsWith('success '))).toEqual([]);
  expect(results.map(({ check }) => check)).toEqual(own.map(({ name }) => name));
});

test('a CA whose certificate stands in the file of the one above it: every check says so too, with none of its own', () => {
  const results = look({ ...good, instance: { ...good.instance, certificates: [] } });
  expect(told(results).filter((line) => !line.startsWith('success '))).toEqual([]);
  expect([...new Set(results.map(({ check }) => check))]).toEqual(own.map(({ name }) => name));
});

test('of several tokens none is told the same words as another without its name, and of a file they share they are told once', () => {
  const view = (partOn: string | undefined, label: string): DoctorFacts => ({
    ...good,
    instance: {
      ...good.instance,
      certificates: [],
      ...(partOn === undefined ? {} : { partOn }),
      token: { ...good.instance.token!, selector: { by: 'label', label } },
    },
    token: {
      known: true,
      value: {
        module: token.module,
        tokens: token.tokens,
        token: { ...token.token, description: { ...token.token.description, label }, certificates: [] },
        pin: token.pin,
        reader: token.reader,
        daemon: token.daemon,
      },
    },
  });
  const results = look({ ...good, views: [view(undefined, 'hsm'), view('second', 'hsm-2'), view('third', 'hsm')] });
  const sentences = results.map(({ message }) => message);
  expect(sentences.filter((message, at) => sentences.indexOf(message) !== at)).toEqual([]);
  expect(sentences).toEqual(
    expect.arrayContaining([
      "Token 'hsm': The PIN was not tried: --login does.",
      "Token 'hsm-2' ([tokens.second]): The PIN was not tried: --login does.",
      "Token 'hsm' ([tokens.third]): The PIN was not tried: --login does.",
    ]),
  );
  expect(results.filter(({ check }) => check === 'ModuleLoads').map(({ key, message }) => [key, message])).toEqual([
    ['/usr/lib/module.so', 'The PKCS#11 module /usr/lib/module.so loads.'],
  ]);
  // By itself a token needs no name.
  expect(look({ ...good, views: [view(undefined, 'hsm')] }).map(({ message }) => message)).toContain(
    'The PIN was not tried: --login does.',
  );
});

test('every finding that is no success is a whole sentence with a whole fix', () => {
  const broken: DoctorFacts = {
    ...withToken({
      module: { ok: true },
      pin: trouble('PIN_UNSAFE'),
      daemon: { known: false, why: 'certmonger does not run.' },
      login: trouble('PIN_INCORRECT'),
    }),
    nss: { known: true, value: { ...goodNss, unwritable: ['.'], foreign: ['cert9.db'] } },
  };
  const results = [...failures(broken), ...failures(unknownFacts(good.instance)), ...failures(withKey({ sensitive: false }))];
  expect(results.length).toBeGreaterThan(7);
  for (const { message, fix } of results) for (const sentence of [message, fix ?? '']) expect(sentence).toMatch(/^[^\s].*[.)]$/u);
});

test('of what is not known one check tells why, and no other speaks', () => {
  expect(told(failures(unknownFacts(good.instance)))).toEqual([
    'critical ModuleLoads /usr/lib/module.so',
    'error NssDatabase /etc/alias',
    'error NssPassword /etc/alias',
  ]);
  expect(failures(unknownFacts(good.instance)).map(({ message }) => message)).toEqual([
    'The token did not answer.',
    'The NSS database did not answer.',
    'The internal store did not answer.',
  ]);
});

test('an instance without a token has nothing wrong with its token', () => {
  const bare = { ...good.instance };
  delete (bare as { token?: unknown }).token;
  const instance: Instance = { ...bare, issuer: { type: 'directory', certificate: 'ca' }, certificates: [] };
  expect(failures({ ...good, instance, token: { known: true, value: 'none' } })).toEqual([]);
});

test('a CA whose own certificate stands in the file of the CA above has a trust on the token that nothing is amiss with', () => {
  const found = look({ ...good, instance: { ...good.instance, certificates: [] } }).filter(({ check }) => check === 'NssTokenTrust');
  expect(found).toMatchObject([
    { severity: 'success', message: expect.stringContaining('lies on a token, to be trusted there') as string },
  ]);
});

test('without a login nothing about keys is claimed', () => {
  const closed = { ...token };
  delete (closed as { login?: unknown }).login;
  const contents = { ...goodNss.contents };
  delete (contents as { onToken?: unknown }).onToken;
  const results = look({
    ...good,
    token: { known: true, value: closed },
    nss: { known: true, value: { ...goodNss, contents } },
    internal: { known: true, value: { ...goodInternal, asked: false } },
  });
  expect(results.filter(({ severity }) => severity !== 'success')).toEqual([]);
  expect(results.filter(({ message }) => message.includes('--login does')).map(({ check }) => check)).toEqual([
    'PinWorks',
    'KeyPresent',
    'KeyProtected',
    'KeySigns',
    'KeyId',
    'KeyTwins',
    'NssTokenTrust',
  ]);
});

describe('module and token', () => {
  test.each<[string, () => DoctorFacts, string[]]>([
    [
      'a module others could replace',
      () => withToken({ module: trouble('MODULE_UNSAFE'), token: trouble('MODULE_UNSAFE'), tokens: [] }),
      ['critical ModuleLoads /usr/lib/module.so'],
    ],
    ['a token that is away', () => withToken({ token: trouble('TOKEN_NOT_FOUND') }), ['critical TokenPresent token']],
    ['two tokens of one name', () => withToken({ token: trouble('TOKEN_AMBIGUOUS') }), ['critical TokenPresent token']],
    [
      'two that we alone tell apart',
      () => withToken({ tokens: [...token.tokens, { ...token.tokens[0]!, slotId: 2 }] }),
      ['error TokenUnique hsm'].map((line) => line.replace(' hsm', ' token-unique')),
    ],
    [
      'a label certmonger cuts',
      () => ({ ...withDescription({ label: 'a/b' }) }),
      ['error TokenLabel token-label', 'error TokenVisible token-visible', 'critical NssModule a/b'],
    ],
    ['write protection', () => withDescription({ writeProtected: true }), ['error TokenWritable hsm']],
    ['a failed login', () => withDescription({ pin: 'count-low' }), ['warning TokenPinState hsm']],
    ['the last attempt', () => withDescription({ pin: 'final-try' }), ['error TokenPinState hsm']],
    ['a locked PIN', () => withDescription({ pin: 'locked' }), ['critical TokenPinState hsm']],
    [
      'no key generation, by which certmonger sees tokens',
      () => withToken({ token: { ...token.token, mechanisms: ['CKM_RSA_PKCS', 'CKM_RSA_X_509'] } }),
      ['error TokenMechanisms token-listed'],
    ],
    [
      'no RSA signature',
      () => withToken({ token: { ...token.token, mechanisms: ['CKM_RSA_PKCS_KEY_PAIR_GEN', 'CKM_RSA_X_509'] } }),
      ['error TokenMechanisms CKM_SHA256_RSA_PKCS', 'error TokenMechanisms CKM_RSA_PKCS'],
    ],
    [
      'only raw RSA signatures, which are enough',
      () => withToken({ token: { ...token.token, mechanisms: ['CKM_RSA_PKCS_KEY_PAIR_GEN', 'CKM_RSA_X_509', 'CKM_RSA_PKCS'] } }),
      [],
    ],
    [
      'no raw RSA',
      () => withToken({ token: { ...token.token, mechanisms: ['CKM_RSA_PKCS_KEY_PAIR_GEN', 'CKM_RSA_PKCS'] } }),
      ['warning TokenMechanisms CKM_RSA_X_509'],
    ],
    [
      'a token certmonger does not see',
      () =>
        withToken({
          daemon: { known: true, value: { home: '/run/certmonger', tokens: { asDaemon: { labels: [] }, asNssUser: { labels: ['hsm'] } } } },
        }),
      ['error TokenVisible token-visible'],
    ],
    ['certmonger down', () => withToken({ daemon: { known: false, why: 'It does not run.' } }), ['warning TokenVisible hsm']],
  ])('%s', (_what, facts, expected) => {
    expect(told(failures(facts()))).toEqual(expected);
  });
});

describe('the mechanisms for a CA', () => {
  const everything = [
    'CKM_RSA_PKCS_KEY_PAIR_GEN',
    'CKM_RSA_X_509',
    'CKM_RSA_PKCS',
    'CKM_SHA256_RSA_PKCS',
    'CKM_RSA_PKCS_PSS',
    'CKM_ECDSA',
    'CKM_EDDSA',
  ];
  const findings = (authority: Pair, without: readonly string[], issuer: Partial<Instance['issuer'] & { readonly type: 'token' }> = {}) => {
    const facts = withToken({
      token: {
        ...token.token,
        certificates: [authority, ocsp].map(({ certificate }) => certificate),
        mechanisms: everything.filter((name) => !without.includes(name)),
      },
    });
    const instance = {
      ...facts.instance,
      issuer: { ...facts.instance.issuer, ...issuer } as Instance['issuer'],
      certificates: facts.instance.certificates.filter(({ nickname }) => nickname === 'ocsp'),
    };
    return told(failures({ ...facts, instance }).filter(({ check }) => check === 'TokenMechanisms'));
  };

  test.each<['rsa' | 'ec' | 'ed25519', readonly string[], Partial<Instance['issuer'] & { readonly type: 'token' }>, string[]]>([
    ['ec', [], {}, []],
    ['ec', ['CKM_ECDSA'], {}, ['error TokenMechanisms CKM_ECDSA_SHA256']],
    ['ec', ['CKM_ECDSA'], { digest: 'sha512' }, ['error TokenMechanisms CKM_ECDSA_SHA512']],
    ['ed25519', [], {}, []],
    ['ed25519', ['CKM_EDDSA'], {}, ['error TokenMechanisms CKM_EDDSA']],
    ['rsa', [], { rsaSignature: 'pss' }, []],
    ['rsa', ['CKM_RSA_PKCS_PSS'], { rsaSignature: 'pss' }, ['error TokenMechanisms CKM_SHA256_RSA_PKCS_PSS']],
    ['rsa', ['CKM_ECDSA', 'CKM_EDDSA'], {}, []],
  ])('whose key is %s, on a token without %j, with %o', async (kind, without, issuer, expected) => {
    expect(findings(await makePair('ca', { kind }), without, issuer)).toEqual(expected);
  });

  test('whose tracked certificates are on curves want what certmonger signs their requests with', async () => {
    const curve = await makePair('curve', { kind: 'ec' });
    const facts = withToken({
      token: {
        ...token.token,
        certificates: [ca, curve].map(({ certificate }) => certificate),
        mechanisms: [...token.token.mechanisms, 'CKM_ECDSA_SHA256'],
      },
    });
    const instance: Instance = {
      ...facts.instance,
      certificates: [{ nickname: 'curve', profile: 'caOCSPCert', storage: { kind: 'token' } }],
    };
    expect(told(failures({ ...facts, instance }).filter(({ check }) => check === 'TokenMechanisms'))).toEqual([
      'error TokenMechanisms CKM_ECDSA',
    ]);
  });
});

describe('the PIN', () => {
  test.each<[string, Partial<NonNullable<TokenSight['pinFile']>>, unknown]>([
    ['is open to others', { mode: 0o100644 }, { kind: 'mode', file: '/etc/hsmonger/pin', mode: 0o600 }],
    [
      "is root's, of the service user's group, and open to others",
      { uid: 0, mode: 0o100644 },
      { kind: 'mode', file: '/etc/hsmonger/pin', mode: 0o640 },
    ],
    ["is a stranger's", { uid: 1000 }, { kind: 'owner', file: '/etc/hsmonger/pin', uid: 17, gid: 17 }],
    ["is root's alone", { uid: 0, gid: 0 }, { kind: 'owner', file: '/etc/hsmonger/pin', uid: 17, gid: 17 }],
    ['is a link', { regular: false, mode: 0o120777 }, undefined],
  ])('in a file that %s has its remedy', (_what, change, remedy) => {
    const [finding, ...others] = failures(withToken({ pin: trouble('PIN_UNSAFE'), pinFile: { ...token.pinFile!, ...change } }));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ severity: 'error', check: 'PinSource', key: '/etc/hsmonger/pin' });
    expect(finding?.remedy).toEqual(remedy);
  });

  test('that was refused is critical, an HSM that did not answer is not', () => {
    expect(told(failures(withToken({ login: trouble('PIN_KNOWN_BAD') })))).toEqual(['critical PinWorks hsm']);
    expect(told(failures(withToken({ login: trouble('PIN_UNANSWERED') })))).toEqual(['error PinWorks hsm']);
  });
});

describe('keys', () => {
  test.each<[string, () => DoctorFacts, string[]]>([
    [
      'seen without a login',
      () => withKey({ protection: { private: false, alwaysSensitive: true, neverExtractable: true } }),
      ['error KeyProtected ca'],
    ],
    ['readable', () => withKey({ sensitive: false }), ['error KeyProtected ca']],
    ['extractable', () => withKey({ extractable: true }), ['error KeyProtected ca']],
    [
      'imported',
      () => withKey({ protection: { private: true, alwaysSensitive: false, neverExtractable: false } }),
      ['warning KeyProtected ca'],
    ],
    [
      'of which the token tells nothing',
      () => withKey({ protection: { private: undefined, alwaysSensitive: undefined, neverExtractable: undefined } }),
      [],
    ],
    ['gone', () => withToken({ login: { ...token.login, keys: token.login.keys.slice(1) } }), ['critical KeyPresent ca']],
    [
      'that do not sign',
      () =>
        withToken({
          login: {
            ...token.login,
            proofs: token.login.proofs.map((proof, index) =>
              index === 0 ? { ...proof, ok: false, problem: 'It is not allowed to.' } : proof,
            ),
          },
        }),
      ['critical KeySigns ca'],
    ],
    [
      'with another CKA_ID than NSS computes, as their certificate',
      () => ({
        ...withToken({
          token: {
            ...token.token,
            certificates: token.token.certificates.map((each, index) => (index === 0 ? { ...each, id: Buffer.from([1]) } : each)),
          },
          login: { ...token.login, keys: token.login.keys.map((key, index) => (index === 0 ? { ...key, id: Buffer.from([1]) } : key)) },
        }),
      }),
      ['critical KeyId ca'],
    ],
  ])('%s', (_what, facts, expected) => {
    expect(told(failures(facts()))).toEqual(expected);
  });

  test('with the same CKA_ID, or the same label, are told; empty labels are none', () => {
    const id = Buffer.from(ocsp.key.id).toString('hex');
    expect(
      told(
        failures(
          withToken({ login: { ...token.login, keys: [...token.login.keys, { ...token.login.keys[1]!, spki: Buffer.from('other') }] } }),
        ),
      ),
    ).toEqual([`error KeyTwins ${id}`]);
    expect(
      told(failures(withToken({ login: { ...token.login, keys: token.login.keys.map((key) => ({ ...key, label: 'twin' })) } }))),
    ).toEqual(['warning KeyTwins twin']);
  });
});

describe('certificates', () => {
  test('that are missing, unlabelled, unreadable or there twice', () => {
    expect(told(failures(withCertificates(ca)))).toEqual(['critical CertificatePresent ocsp']);
    const unlabelled = { ...ocsp, certificate: { ...ocsp.certificate, label: '' } };
    expect(
      told(failures(withCertificates(ca, ocsp, { ...unlabelled, certificate: { ...unlabelled.certificate, id: Buffer.from([9]) } }))),
    ).toEqual(['critical CertificateLabels certificate-labels', 'warning CertificateTwins ocsp']);
    expect(
      told(failures(withCertificates(ca, ocsp, { ...ca, certificate: { id: Buffer.from([7]), label: 'junk', der: Buffer.from('junk') } }))),
    ).toEqual(['warning CertificateReadable junk']);
    expect(told(failures(withCertificates(ca, ocsp, ocsp)))).toEqual(['warning CertificateTwins ocsp']);
  });

  test('of one subject under two nicknames', async () => {
    const clash = await makePair('other', { subject: 'CN=ocsp' });
    expect(told(failures(withCertificates(ca, ocsp, clash)))).toEqual(['critical CertificateSubjects ocsp']);
  });

  test('that are superseded: told once a saving has had its time, on servers that share a token after the time of grace', async () => {
    const old = await makePair('ocsp', { renews: ocsp, notAfter: new Date('2026-06-20') });
    const left = withCertificates(ca, old, ocsp);
    expect(told(failures(left))).toEqual(['warning CertificateSuperseded ocsp']);
    expect(told(failures({ ...left, now: new Date('2026-01-01T00:59:00Z') }))).toEqual([]);
    const directory = {
      uri: 'ldapi://%2Frun%2Fslapd',
      startTls: false,
      bind: { method: 'external' },
      base: 'dc=x',
      pkiBase: 'o=ipaca',
      host: 'a.x',
    } as const;
    const shared = (now: string) => failures({ ...left, now: new Date(now), instance: { ...left.instance, directory } });
    expect(told(shared('2026-01-07'))).toEqual([]);
    expect(told(shared('2026-01-09'))).toEqual(['warning CertificateSuperseded ocsp']);
  });
});

describe('the NSS database', () => {
  test.each<[string, () => DoctorFacts, string[]]>([
    [
      'is not there',
      () => ({ ...withNss({ format: 'none', contents: undefined } as unknown as NssSight), internal: { known: true, value: 'none' } }),
      ['critical NssDatabase nss-database'],
    ],
    ['cannot be written', () => withNss({ unwritable: ['cert9.db'] }), ['critical NssDatabase nss-database']],
    ['is bad', () => withNss({ contents: { ok: false, code: 'NSS_FAILED', problem: 'It is bad.' } }), ['critical NssDatabase /etc/alias']],
    ['belongs to another user', () => withNss({ foreign: ['key4.db', 'unrelated.txt'] }), ['error NssOwner /etc/alias/key4.db']],
    ['does not list the module', () => withContents({ registered: false, tokens: [] }), ['critical NssModule module-registered']],
    ['shows no token in it', () => withContents({ tokens: [] }), ['critical NssModule hsm']],
    ['has a password nobody knows', () => withInternal({ description: { loginRequired: true } }), ['error NssPassword internal-password']],
    [
      'has a password in a file that is not there',
      () => withInternal({ description: { loginRequired: true } }, { passwordFile: '/etc/pw' }),
      ['error NssPassword /etc/pw'],
    ],
    [
      'has a password in a file open to others',
      () =>
        withInternal(
          { description: { loginRequired: true }, passwordFile: { regular: true, size: 3, uid: 17, gid: 17, mode: 0o100604 } },
          { passwordFile: '/etc/pw' },
        ),
      ['error NssPassword /etc/pw'],
    ],
    ['does not trust the CA', () => withContents({ internal: [{ nickname: 'ca', trust: ',,' }] }), ['error NssTrust ca']],
    ['does not have the CA', () => withContents({ internal: [] }), ['error NssTrust ca']],
    [
      'trusts too much',
      () =>
        withContents({
          internal: [
            { nickname: 'ca', trust: 'CT,C,C' },
            { nickname: 'ocsp', trust: 'C,,' },
          ],
        }),
      ['error NssTrust ocsp'],
    ],
    [
      "gives the token's copy no trust",
      () => withContents({ onToken: { ok: true, listed: [{ nickname: 'ca', trust: 'u,u,u' }] } }),
      ['error NssTokenTrust ca'],
    ],
    [
      'finds no key for it',
      () => withContents({ onToken: { ok: true, listed: [{ nickname: 'ca', trust: 'CT,C,C' }] } }),
      ['error NssTokenTrust ca'],
    ],
  ])('%s', (_what, facts, expected) => {
    expect(told(failures(facts()))).toEqual(expected);
  });

  test('is given its trust by --fix, unless somebody distrusted it on purpose', () => {
    expect(failures(withContents({ internal: [] }))[0]?.remedy).toEqual({
      kind: 'trust',
      nickname: 'ca',
      store: 'internal',
      flags: 'CTu,Cu,Cu',
    });
    const [distrusted] = failures(withContents({ internal: [{ nickname: 'ca', trust: 'p,p,p' }] }));
    expect(distrusted).toMatchObject({ check: 'NssTrust', severity: 'error' });
    expect(distrusted?.remedy).toBeUndefined();
  });

  test('that gives files back names each with its owner', () => {
    expect(failures(withNss({ foreign: ['.'] }))[0]?.remedy).toEqual({ kind: 'owner', file: '/etc/alias', uid: 17, gid: 17 });
  });
});

test('a check that throws is a critical finding of its own and keeps no other from running', () => {
  const results = runChecks(
    [
      {
        source: 'x',
        name: 'Throws',
        about: '',
        run: () => {
          throw new TypeError('no such\nthing');
        },
      },
      own[0]!,
    ],
    good,
    () => 0,
  );
  expect(told(results)).toEqual(['critical Throws exception', 'success ModuleLoads /usr/lib/module.so']);
  expect(results[0]?.message).toBe('The check Throws itself failed: no such thing.');
});

test('a PIN that is locked is unlocked, not written into a file', () => {
  const locked = withToken({ pin: trouble('PIN_SOURCE_MISSING', 'The PIN is locked.') });
  const instance: Instance = {
    ...locked.instance,
    token: { ...locked.instance.token!, pin: { from: 'unlocked', path: '/run/hsmonger/x.pin', instance: 'x' } },
  };
  expect(failures({ ...locked, instance }).find(({ check }) => check === 'PinSource')).toMatchObject({
    message: 'The PIN is locked.',
    fix: 'Run: hsmonger unlock --instance x.',
  });
});
