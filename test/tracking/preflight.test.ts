import { beforeAll, describe, expect, test } from 'vitest';
import type { PinSource } from '../../src/config/instance.js';
import { tokenOf } from '../../src/config/token-of.js';
import type { TokenFacts, TrackingFacts } from '../../src/tracking/facts.js';
import { otherwiseRenewed } from '../../src/tracking/certmonger-limits.js';
import { preflight } from '../../src/tracking/preflight.js';
import { goodFacts, knownCa, makePair, makeRequest, type Pair, type TokenTrackingFacts } from './facts.js';

let one: Pair;
let two: Pair;
let good: TokenTrackingFacts;

beforeAll(async () => {
  one = await makePair('one');
  two = await makePair('two');
  good = goodFacts([one, two]);
});

function checksOf(facts: TrackingFacts): string[] {
  return preflight(facts).map(({ check, nickname }) => (nickname === undefined ? check : `${check} ${nickname}`));
}

const withToken = (change: (token: TokenFacts) => Partial<TokenFacts>): TokenTrackingFacts => ({
  ...good,
  token: { ...good.token, ...change(good.token) },
});
const withDescription = (change: Partial<TokenFacts['description']>): TrackingFacts => {
  const facts = withToken((token) => ({ description: { ...token.description, ...change } }));
  const { label } = facts.token.description;
  return {
    ...facts,
    nss: { ...facts.nss, tokens: [label] },
    daemon: { ...facts.daemon, tokens: { asDaemon: { labels: [label] }, asNssUser: { labels: [label] } } },
  };
};
const withDaemon = (change: Partial<TrackingFacts['daemon']>): TrackingFacts => ({ ...good, daemon: { ...good.daemon, ...change } });
const withRequest = (properties: Record<string, string | boolean>, ca?: string): TrackingFacts => ({
  ...good,
  requests: [makeRequest(properties, ca)],
});
const place = { 'cert-storage': 'NSSDB', 'cert-database': '/etc/alias/', 'cert-nickname': 'one' };

test('nothing is refused where all is well, and every refusal is two whole sentences', () => {
  expect(preflight(good)).toEqual([]);
  const refusals = preflight({
    ...withToken(() => ({ certificates: [], keys: [], mechanisms: [] })),
    cas: [],
    helper: { answers: false, failure: 'exit 127' },
    nss: { format: 'none', unwritable: [], registered: false, tokens: [], internalName: '' },
  });
  expect(refusals.length).toBeGreaterThan(5);
  for (const { problem, fix } of refusals) for (const sentence of [problem, fix]) expect(sentence).toMatch(/^[A-Zc].*\.$/u);
});

describe('the token', () => {
  test.each(['a:b', 'a/b', 'blank ', 'x'.repeat(33), 'ü'.repeat(17), ' ', 'a\u0007b'])('is refused under the label %j', (label) => {
    expect(checksOf(withDescription({ label }))).toEqual(['token-label']);
  });

  test.each(['HSM 1', 'ümlaut', 'x'.repeat(32), 'a.b_c-d', ' leading'])('is taken under the label %j', (label) => {
    expect(checksOf(withDescription({ label }))).toEqual([]);
  });

  test('is refused when another one has its label, whoever sees both', () => {
    expect(checksOf({ ...good, nss: { ...good.nss, tokens: ['tok', 'tok'] } })).toEqual(['token-unique']);
    expect(checksOf(withDaemon({ tokens: { asDaemon: { labels: ['tok', 'x', 'tok'] }, asNssUser: { labels: ['tok'] } } }))).toEqual([
      'token-unique',
    ]);
    expect(checksOf({ ...good, nss: { ...good.nss, tokens: ['tok', 'tok2', '', ''] } })).toEqual([]);
  });

  test('is refused when it needs no login: certmonger takes a PIN that was not needed for an error', () => {
    expect(checksOf(withDescription({ loginRequired: false }))).toEqual(['token-login']);
  });

  test('is refused when nothing can be written to it', () => {
    expect(checksOf(withDescription({ writeProtected: true }))).toEqual(['token-writable']);
  });

  test('is refused without RSA key generation, by which keyiread lists tokens', () => {
    expect(checksOf(withToken(() => ({ mechanisms: ['CKM_RSA_PKCS'] })))).toEqual(['token-listed']);
  });

  test("is refused when certmonger's children, or the one that saves, do not see it, with the reason", () => {
    expect(checksOf(withDaemon({ tokens: { asDaemon: { labels: [] }, asNssUser: { labels: ['tok'] } } }))).toEqual(['token-visible']);
    const saving = preflight(withDaemon({ tokens: { asDaemon: { labels: ['tok'] }, asNssUser: { failure: 'The module failed.' } } }));
    expect(saving.map(({ check }) => check)).toEqual(['token-visible']);
    expect(saving[0]?.problem).toContain("save, as user 'pkiuser', run with HOME=/run/certmonger");
    expect(saving[0]?.problem).toContain('The module failed.');
    const facts = withDaemon({ tokens: { asDaemon: { labels: ['other'] }, asNssUser: { labels: [] } } });
    const [refusal] = preflight({
      ...facts,
      instance: { ...facts.instance, token: { ...tokenOf(facts.instance), environment: { SOFTHSM2_CONF: '/x' } } },
    });
    expect(refusal?.problem).toContain("see 'other'");
    expect(refusal?.problem).toContain('SOFTHSM2_CONF, which certmonger does not pass on');
  });
});

test('a PIN that is in no file is refused', () => {
  const pin = (source: PinSource) =>
    checksOf({ ...good, instance: { ...good.instance, token: { ...tokenOf(good.instance), pin: source } } });
  expect(pin({ from: 'environment', variable: 'PIN' })).toEqual(['pin-source']);
  expect(pin({ from: 'unlocked', path: '/run/hsmonger/x.pin', instance: 'x', credential: 'pin' })).toEqual([]);
});

describe('the NSS database', () => {
  test.each([
    ['missing', { format: 'none', unwritable: [], registered: false, tokens: [], internalName: '' }, ['nss-database']],
    ['of the old format', { format: 'dbm', unwritable: [], registered: false, tokens: [], internalName: '' }, ['nss-database']],
    ['read-only', { format: 'sql', unwritable: ['.', 'cert9.db'], registered: true, tokens: ['tok'], internalName: '' }, ['nss-database']],
    ['without the module', { format: 'sql', unwritable: [], registered: false, tokens: [], internalName: '' }, ['module-registered']],
  ] as const)('is refused when it is %s', (_what, nss, expected) => {
    expect(checksOf({ ...good, nss })).toEqual(expected);
  });
});

describe('key and certificate', () => {
  test('are refused when the certificate is not on the token', () => {
    expect(checksOf(withToken(({ certificates }) => ({ certificates: certificates.slice(1) })))).toEqual(['key-proven one']);
  });

  test('are refused when the key is not on the token', () => {
    expect(checksOf(withToken(({ keys }) => ({ keys: keys.slice(1) })))).toEqual(['key-proven one']);
  });

  test('are refused when the only key with that CKA_ID is another key', () => {
    expect(checksOf(withToken(() => ({ keys: [{ ...two.key, id: one.key.id }, two.key] })))).toEqual(['key-proven one']);
  });

  test('are refused when their CKA_IDs differ', () => {
    expect(checksOf(withToken(() => ({ certificates: [{ ...one.certificate, id: Buffer.from([7]) }, two.certificate] })))).toEqual([
      'key-proven one',
    ]);
  });

  test('are taken where the token hides the public value and the CKA_ID is right', () => {
    const { spki, ...hidden } = one.key;
    expect(spki).toBeDefined();
    expect(checksOf(withToken(() => ({ keys: [hidden, two.key] })))).toEqual([]);
  });

  test('are refused when the CKA_ID is not the one NSS computes, with what it should be', async () => {
    const foreign = await makePair('foreign', { id: Buffer.from([1]) });
    const [refusal, ...more] = preflight(goodFacts([foreign]));
    expect(more).toEqual([]);
    expect(refusal).toMatchObject({ check: 'key-id', nickname: 'foreign' });
    expect(refusal?.fix).toMatch(/hsmonger token move-id(?: --instance \S+)? 01', which gives .* the CKA_ID [0-9a-f]{40};/u);
  });

  test.each([
    ['weak', ['key-kind x']],
    ['ed25519', ['key-kind x']],
    ['pss', ['key-kind x']],
    ['curve', ['key-kind x']],
    ['ec', []],
  ] as const)('a key of kind %s gives %j', async (kind, expected) => {
    expect(checksOf(goodFacts([await makePair('x', { kind })]))).toEqual(expected);
  });
});

describe('what this certmonger cannot do', () => {
  const old = (version: string, mechanisms: readonly string[]) => {
    const facts = goodFacts([one]);
    return preflight({ ...facts, daemon: { ...facts.daemon, version }, token: { ...facts.token, mechanisms } });
  };
  const all = ['CKM_RSA_PKCS_KEY_PAIR_GEN', 'CKM_RSA_PKCS'];

  test.each([
    ['0.79.17', [/certmonger 0\.79\.17 saves/u, /to 0\.79\.19 or later/u]],
    ['0.79.18', [/certmonger 0\.79\.18 saves/u, /to 0\.79\.19 or later/u]],
  ] as const)('a token without raw RSA is refused by %s, with the version that is needed', (version, [problem, fix]) => {
    const [refusal, ...more] = old(version, all);
    expect(more).toEqual([]);
    expect(refusal?.check).toBe('token-saves');
    expect(refusal?.problem).toMatch(problem);
    expect(refusal?.fix).toMatch(fix);
  });

  test.each(['0.79.19', '0.79.21', '0.80'])('and taken by %s', (version) => {
    expect(old(version, all)).toEqual([]);
  });

  test('what no version can is told with no version, and how such a certificate is renewed', async () => {
    const [refusal] = preflight(goodFacts([await makePair('x', { kind: 'ed25519' })]));
    expect(refusal?.problem).toMatch(/Ed25519.*no version up to 0\.79\.21 can/u);
    expect(refusal?.fix).toMatch(/hsmonger ca issue --instance testca --profile caServerCert/u);
    // A CA does not issue its own.
    const own = goodFacts([await makePair('x', { kind: 'ed25519' })]).instance;
    expect(otherwiseRenewed({ ...own, issuer: { ...own.issuer, certificate: 'x' } }, { nickname: 'x', profile: 'caCACert' })).toMatch(
      /^make the next CA before this one expires/u,
    );
    const facts = withToken(() => ({ mechanisms: ['CKM_RSA_PKCS', 'CKM_ECDSA'] }));
    expect(preflight(facts)[0]).toMatchObject({
      check: 'token-listed',
      problem: expect.stringMatching(/no version up to 0\.79\.21 can/u) as string,
    });
  });

  test('an EC key on a token without plain ECDSA', async () => {
    const pair = await makePair('x', { kind: 'ec' });
    const facts = goodFacts([pair]);
    expect(checksOf({ ...facts, token: { ...facts.token, mechanisms: [...all, 'CKM_ECDSA_SHA256'] } })).toEqual(['token-signs x']);
  });
});

test('a certificate object without a label is refused, whoever it belongs to', () => {
  expect(
    checksOf(
      withToken(({ certificates }) => ({ certificates: [...certificates, { ...two.certificate, label: '', id: Buffer.from([]) }] })),
    ),
  ).toEqual(['certificate-labels']);
});

describe('subjects on one token', () => {
  test('are refused when two of ours share one', async () => {
    const [a, b] = [await makePair('a', { subject: 'CN=same,O=x' }), await makePair('b', { subject: 'CN=same,O=x' })];
    expect(checksOf(goodFacts([a, b]))).toEqual(['subjects a', 'subjects b']);
  });

  test("are refused when somebody else's certificate has one of ours, or one of our nicknames", async () => {
    const sameSubject = await makePair('stranger', { subject: 'CN=one' });
    const sameLabel = await makePair('one', { subject: 'CN=another' });
    expect(checksOf(withToken(({ certificates }) => ({ certificates: [...certificates, sameSubject.certificate] })))).toEqual([
      'subjects one',
    ]);
    expect(checksOf(withToken(({ certificates }) => ({ certificates: [...certificates, sameLabel.certificate] })))).toEqual([
      'subjects one',
    ]);
  });

  test('an older certificate of the same subject and nickname is what a renewal leaves behind', () => {
    expect(checksOf(withToken(({ certificates }) => ({ certificates: [...certificates, one.certificate] })))).toEqual([]);
  });

  test("an object that is no certificate is nobody's subject", () => {
    expect(
      checksOf(
        withToken(({ certificates }) => ({
          certificates: [...certificates, { id: Buffer.from([1]), label: 'junk', der: Buffer.from([0x30, 0]) }],
        })),
      ),
    ).toEqual([]);
  });
});

test.each([
  [{ maxKeyLifetime: '1y' }, ['rekeying']],
  [{ maxKeyUseCount: '5' }, ['rekeying']],
  [{ maxKeyLifetime: '90d', maxKeyUseCount: '1' }, ['rekeying', 'rekeying']],
  [{ maxKeyLifetime: '0', maxKeyUseCount: '' }, []],
])('a configuration of %j gives %j', (conf, expected) => {
  expect(checksOf(withDaemon({ conf }))).toEqual(expected);
});

describe('the CA', () => {
  test('is refused when certmonger does not know it, or runs something else for it', () => {
    expect(checksOf({ ...good, cas: [knownCa('other', good.submitCommand)] })).toEqual(['ca-registered']);
    expect(checksOf({ ...good, cas: [knownCa('testca', '/old/hsmonger-submit --instance testca')] })).toEqual(['ca-registered']);
    expect(checksOf({ ...good, cas: [knownCa('testca', undefined)] })).toEqual(['ca-registered']);
  });

  test('is refused when its helper does not run', () => {
    expect(checksOf({ ...good, helper: { answers: false, failure: 'exit 127' } })).toEqual(['helper-runs']);
  });
});

describe('requests of others', () => {
  test('on the same certificate are refused, however the database is spelled and whatever the token', () => {
    const [refusal, ...more] = preflight(withRequest({ nickname: '20260101', ...place }, 'dogtag-ipa-ca-renew-agent'));
    expect(more).toEqual([]);
    expect(refusal).toMatchObject({ check: 'foreign-requests', nickname: 'one' });
    expect(refusal?.problem).toContain("request '20260101' of CA 'dogtag-ipa-ca-renew-agent'");
    expect(refusal?.fix).toContain('getcert stop-tracking -i 20260101');
  });

  test('with our subject on our token under another nickname are refused', async () => {
    const { pem } = await makePair('elsewhere', { subject: 'CN=one' });
    const elsewhere = {
      nickname: 'x',
      'cert-storage': 'NSSDB',
      'cert-database': 'sql:/other',
      'cert-nickname': 'elsewhere',
      'cert-token': 'tok',
      cert: pem,
    };
    expect(checksOf(withRequest(elsewhere, 'ca2'))).toEqual(['foreign-requests one']);
    expect(checksOf(withRequest({ ...elsewhere, 'cert-token': 'another' }, 'ca2'))).toEqual([]);
  });

  test('under our id are refused, in whatever case', () => {
    const elsewhere = { 'cert-storage': 'FILE', 'cert-file': '/x.pem' };
    expect(checksOf(withRequest({ nickname: 'testca.one', ...elsewhere }, 'SelfSign'))).toEqual(['foreign-requests one']);
    expect(checksOf(withRequest({ nickname: 'TESTCA.one', ...elsewhere }, 'SelfSign'))).toEqual(['foreign-requests one']);
  });

  test('our own, drifted or not, are not refused', () => {
    expect(checksOf(withRequest({ nickname: 'testca.one', ...place }, 'SelfSign'))).toEqual([]);
    expect(
      checksOf(
        withRequest({ nickname: 'testca.one', 'cert-storage': 'NSSDB', 'cert-database': '/moved', 'cert-nickname': 'one' }, 'testca'),
      ),
    ).toEqual([]);
  });
});

describe('certificates outside the token', () => {
  const inDatabase = (
    facts: TokenTrackingFacts,
    change: Partial<NonNullable<TrackingFacts['nss']['internal']>> = {},
    passwordFile?: string,
  ): TrackingFacts => {
    const { token, ...rest } = facts;
    return {
      ...rest,
      instance: {
        ...facts.instance,
        nss: { ...facts.instance.nss, ...(passwordFile === undefined ? {} : { passwordFile }) },
        certificates: facts.instance.certificates.map((certificate) => ({ ...certificate, storage: { kind: 'internal' } })),
      },
      nss: {
        ...facts.nss,
        registered: false,
        tokens: [],
        internal: { description: { loginRequired: false }, certificates: token.certificates, keys: token.keys, ...change },
      },
    };
  };
  const storage = { kind: 'file', certificate: '/ra.pem', key: '/ra.key' } as const;
  const inFiles = (file: Partial<TrackingFacts['files'][number]> = {}): TrackingFacts => {
    const { instance, daemon, helper, submitCommand, cas, requests } = good;
    return {
      ...{ daemon, helper, submitCommand, cas, requests },
      nss: { format: 'none', unwritable: [], registered: false, tokens: [], internalName: '' },
      instance: { ...instance, certificates: [{ nickname: 'one', profile: 'caSubsystemCert', storage }] },
      files: [{ nickname: 'one', certificate: { der: one.certificate.der }, key: { spki: one.key.spki! }, ...file }],
    };
  };

  test('need no token, no module and no PIN of one', () => {
    expect(checksOf(inDatabase(good))).toEqual([]);
    expect(checksOf(inFiles())).toEqual([]);
    const fromEnvironment = inFiles();
    expect(
      checksOf({
        ...fromEnvironment,
        instance: { ...fromEnvironment.instance, token: { ...tokenOf(good.instance), pin: { from: 'environment', variable: 'PIN' } } },
      }),
    ).toEqual([]);
  });

  test('in the internal database need its key beside them, with the CKA_ID of NSS, and a subject of their own', async () => {
    expect(checksOf(inDatabase(good, { certificates: [two.certificate] }))).toEqual(['key-proven one']);
    expect(checksOf(inDatabase(good, { keys: [two.key] }))).toEqual(['key-proven one']);
    const foreign = await makePair('foreign', { id: Buffer.from([1]) });
    const [refusal] = preflight(inDatabase(goodFacts([foreign])));
    expect(refusal).toMatchObject({ check: 'key-id', fix: expect.stringContaining('pk12util') as string });
    const sameSubject = await makePair('stranger', { subject: 'CN=one' });
    expect(checksOf(inDatabase(good, { certificates: [one.certificate, two.certificate, sameSubject.certificate] }))).toEqual([
      'subjects one',
    ]);
    expect(
      checksOf(inDatabase(good, { certificates: [one.certificate, two.certificate, { ...sameSubject.certificate, label: '' }] })),
    ).toEqual(['certificate-labels']);
  });

  test('may share a subject with one on the token: certmonger deletes in the store it saves to', () => {
    const facts = inDatabase(goodFacts([one]));
    expect(
      checksOf({
        ...good,
        instance: {
          ...good.instance,
          certificates: [...facts.instance.certificates, { nickname: 'two', profile: 'caServerCert', storage: { kind: 'token' } }],
        },
        nss: { ...good.nss, internal: facts.nss.internal! },
      }),
    ).toEqual([]);
  });

  test('in a database with a password need it in a file', () => {
    expect(checksOf(inDatabase(good, { description: { loginRequired: true }, keys: [], locked: 'it has a password of its own' }))).toEqual([
      'internal-password',
      'key-proven one',
      'key-proven two',
    ]);
    expect(checksOf(inDatabase(good, { description: { loginRequired: true } }, '/etc/nss.password'))).toEqual([]);
  });

  test.each([
    ['whose certificate cannot be read', { certificate: { failure: '/ra.pem cannot be read: ENOENT' } }, '/ra.pem cannot be read: ENOENT.'],
    ['whose key cannot be read', { key: { failure: '/ra.key cannot be read: EACCES' } }, '/ra.key cannot be read: EACCES.'],
  ])('in files %s are refused', (_what, change, reason) => {
    const [refusal, ...more] = preflight(inFiles(change));
    expect(more).toEqual([]);
    expect(refusal).toMatchObject({ check: 'key-proven', nickname: 'one', problem: expect.stringContaining(reason) as string });
  });

  test("in files whose key is another certificate's are refused", () => {
    const [refusal, ...more] = preflight(inFiles({ key: { spki: two.key.spki! } }));
    expect(more).toEqual([]);
    expect(refusal?.problem).toBe(
      "The key in /ra.key is not the key of the certificate in /ra.pem, so 'one' would be renewed for another key.",
    );
  });

  test('in files are refused when they are to belong to somebody this machine does not know', () => {
    expect(checksOf(inFiles({ stranger: "group 'ipaapi'" }))).toEqual(['file-owner one']);
  });

  test('in files are refused while another request has their certificate or their key', () => {
    const foreign = (properties: Record<string, string>) =>
      checksOf({
        ...inFiles(),
        requests: [makeRequest({ nickname: 'x', 'cert-storage': 'FILE', 'key-storage': 'FILE', ...properties }, 'IPA')],
      });
    expect(foreign({ 'cert-file': '/ra.pem', 'key-file': '/x' })).toEqual(['foreign-requests one']);
    expect(foreign({ 'cert-file': '/x', 'key-file': '//ra.key' })).toEqual(['foreign-requests one']);
    expect(foreign({ 'cert-file': '/x', 'key-file': '/x' })).toEqual([]);
  });

  test('in the internal database are refused while a request without a token there has their subject', () => {
    const request = (properties: Record<string, string>) =>
      checksOf({
        ...inDatabase(good),
        requests: [
          makeRequest(
            {
              nickname: 'x',
              'cert-storage': 'NSSDB',
              'cert-database': '/etc/alias',
              'cert-nickname': 'elsewhere',
              cert: one.pem,
              ...properties,
            },
            'IPA',
          ),
        ],
      });
    expect(request({})).toEqual(['foreign-requests one']);
    expect(request({ 'cert-token': 'NSS Certificate DB' })).toEqual(['foreign-requests one']);
    expect(request({ 'cert-token': 'tok' })).toEqual([]);
    expect(request({ 'cert-database': '/other' })).toEqual([]);
  });

  test('a request that goes to our CA under another id is taken over, not refused', () => {
    expect(checksOf(withRequest({ nickname: '20260101', ...place }, 'testca'))).toEqual([]);
    expect(checksOf(withRequest({ nickname: '20260101', ...place }, 'testca-reuse'))).toEqual([]);
    const both = {
      ...good,
      requests: [makeRequest({ nickname: '20260101', ...place }, 'testca'), makeRequest({ nickname: 'testca.one', ...place }, 'testca')],
    };
    expect(checksOf(both)).toEqual(['foreign-requests one']);
  });
});
