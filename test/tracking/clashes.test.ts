import { describe, expect, test } from 'vitest';
import type { CertificateConfig, Instance, TokenConfig } from '../../src/config/instance.js';
import type { TokenDescription } from '../../src/pkcs11/token.js';
import { clashesOf, plannedClashes, type Applicant, type Planned, type Resident } from '../../src/tracking/clashes.js';
import { subjectFromText as encodeSubject } from '../../src/x509/names/subject-text.js';

const description: TokenDescription = {
  slotId: 1,
  label: 'hsm',
  manufacturer: 'Vendor',
  model: 'M',
  serial: '17',
  loginRequired: true,
  initialized: true,
  writeProtected: false,
  pin: 'fine',
};
const hsm: TokenConfig = {
  selector: { by: 'label', label: 'hsm' },
  module: '/opt/vendor/libhsm.so',
  environment: {},
  pin: { from: 'file', path: '/etc/hsmonger/hsm.pin' },
};
const ca = (nickname: string): Instance['issuer'] => ({ type: 'token', certificate: nickname, lifetimeDays: {}, backdateSeconds: 60 });
const onToken = (nickname: string, on?: string): CertificateConfig => ({
  nickname,
  profile: 'caServerCert',
  storage: { kind: 'token', ...(on === undefined ? {} : { on }) },
});

interface Given {
  readonly issuer?: Instance['issuer'];
  readonly token?: TokenConfig;
  readonly others?: Readonly<Record<string, TokenConfig>>;
  readonly seen?: boolean | TokenDescription;
  readonly database?: string;
}

function resident(
  name: string,
  certificates: readonly CertificateConfig[],
  { issuer = ca(`${name} ca`), token = hsm, others = {}, seen = true, database = `/etc/${name}` }: Given = {},
): Resident {
  const instance: Instance = {
    name,
    file: `/etc/hsmonger/${name}.toml`,
    user: 'pkiuser',
    drop: 'setuid',
    token,
    otherTokens: others,
    nss: { database },
    issuer,
    saving: { guardMinutes: 15 },
    helper: { deadlineSeconds: 120 },
    agent: { probeSeconds: 60, signMinutes: 60, spreadDays: 7, reconcile: 'apply' },
    certificates,
  };
  const described = seen === false ? {} : { description: seen === true ? description : seen };
  return {
    instance,
    tokens: [
      { config: token, ...described },
      ...Object.entries(others).map(([on, config]) => ({ on, config, description: { ...description, label: on, serial: on } })),
    ],
  };
}

const refusals = (own: Resident, ...others: Resident[]) =>
  clashesOf(own, others).refusals.map(({ check, nickname }) => `${check}${nickname === undefined ? '' : ` ${nickname}`}`);

describe('two instances', () => {
  test('side by side on one token, with nicknames of their own, do not clash', () => {
    expect(clashesOf(resident('a', [onToken('a one')]), [resident('b', [onToken('b one')])])).toEqual({ refusals: [], warnings: [] });
  });

  test('an instance is not held against itself', () => {
    expect(refusals(resident('a', [onToken('x')]), resident('a', [onToken('x')]))).toEqual([]);
  });

  test('one nickname on one token is refused, with both files in the words', () => {
    const {
      refusals: [refusal],
    } = clashesOf(resident('a', [onToken('x')]), [resident('b', [onToken('x')])]);
    expect(refusal).toMatchObject({ check: 'nickname-shared', nickname: 'x' });
    expect(refusal?.problem).toMatch(/'x' on the token 'hsm' is in the instance 'b' as well \(\/etc\/hsmonger\/b\.toml\)/u);
  });

  test('the token is known by what it says, whichever module shows it; one that is away, by the files', () => {
    const proxy: TokenConfig = { ...hsm, module: '/usr/lib/p11-kit-proxy.so', selector: { by: 'uri', uri: 'pkcs11:serial=17' } };
    expect(refusals(resident('a', [onToken('x')]), resident('b', [onToken('x')], { token: proxy }))).toEqual(['nickname-shared x']);
    expect(refusals(resident('a', [onToken('x')]), resident('b', [onToken('x')], { token: proxy, seen: false }))).toEqual([]);
    expect(refusals(resident('a', [onToken('x')], { seen: false }), resident('b', [onToken('x')], { seen: false }))).toEqual([
      'nickname-shared x',
    ]);
    expect(refusals(resident('a', [onToken('x')]), resident('b', [onToken('x')], { seen: { ...description, serial: '18' } }))).toEqual([]);
  });

  test('a further token counts like the own one, and only for what lies on it', () => {
    const apart = resident('a', [onToken('x', 'backup')], { others: { backup: { ...hsm, selector: { by: 'label', label: 'backup' } } } });
    expect(refusals(apart, resident('b', [onToken('x')]))).toEqual([]);
    expect(refusals(apart, resident('b', [onToken('x')], { seen: { ...description, label: 'backup', serial: 'backup' } }))).toEqual([
      'nickname-shared x',
    ]);
  });

  test('one certificate in the database itself, or in one file', () => {
    const internal: CertificateConfig = { nickname: 'x', profile: 'caServerCert', storage: { kind: 'internal' } };
    expect(refusals(resident('a', [internal], { database: '/etc/db' }), resident('b', [internal], { database: '/etc/db/' }))).toEqual([
      'nickname-shared x',
    ]);
    expect(refusals(resident('a', [internal]), resident('b', [internal]))).toEqual([]);
    const file = (nickname: string, certificate: string): CertificateConfig => ({
      nickname,
      profile: 'caServerCert',
      storage: { kind: 'file', certificate, key: `${certificate}.key` },
    });
    expect(refusals(resident('a', [file('one', '/x.pem')]), resident('b', [file('two', '/x.pem')]))).toEqual(['nickname-shared one']);
  });

  test('one CA with two ledgers is refused; a subordinate that the root renews is not', () => {
    expect(refusals(resident('a', [], { issuer: ca('root') }), resident('b', [], { issuer: ca('root') }))).toEqual(['issuer-shared']);
    expect(
      refusals(
        resident('root', [onToken('root'), onToken('sub')], { issuer: ca('root') }),
        resident('sub', [onToken('server')], { issuer: ca('sub') }),
      ),
    ).toEqual([]);
  });

  test('two modules of one name in one NSS database; not the same module, nor in two databases', () => {
    const other: TokenConfig = { ...hsm, module: '/opt/another/libhsm.so', selector: { by: 'label', label: 'other' } };
    expect(
      refusals(resident('a', [], { database: '/etc/db' }), resident('b', [], { database: '/etc/db', token: other, seen: false })),
    ).toEqual(['module-names']);
    expect(refusals(resident('a', [], { database: '/etc/db' }), resident('b', [], { database: '/etc/db' }))).toEqual([]);
    expect(refusals(resident('a', []), resident('b', [], { token: other, seen: false }))).toEqual([]);
    expect(refusals(resident('a', [], { others: { second: other } }))).toEqual(['module-names']);
  });

  test('one file in memory for the PINs of two tokens; not of one token, nor where it may be one', () => {
    const unlocked = (instance: string): TokenConfig => ({ ...hsm, pin: { from: 'unlocked', path: '/run/hsm.pin', instance } });
    const another = { ...description, serial: '18' };
    const own = resident('a', [], { token: unlocked('a') });
    expect(refusals(own, resident('b', [], { token: unlocked('b'), seen: another }))).toEqual(['pin-shared']);
    expect(refusals(own, resident('b', [], { token: unlocked('b') }))).toEqual([]);
    expect(refusals(own, resident('b', [], { token: unlocked('b'), seen: false }))).toEqual([]);
    expect(refusals(resident('a', []), resident('b', [], { seen: another }))).toEqual([]);
  });

  test('two PIN files of one token are a warning alone', () => {
    const { refusals: none, warnings } = clashesOf(resident('a', []), [
      resident('b', [], { token: { ...hsm, pin: { from: 'file', path: '/etc/hsmonger/b.pin' } } }),
    ]);
    expect(none).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({
      check: 'pin-files',
      problem: expect.stringMatching(/\/etc\/hsmonger\/hsm\.pin.*\/etc\/hsmonger\/b\.pin/u) as string,
    });
  });
});

describe('a certificate that is to be made', () => {
  const subject = encodeSubject('CN=one');
  const kinds = (planned: Planned, ...others: Applicant[]) => plannedClashes(resident('a', []), planned, others).map(({ check }) => check);

  test("has a nickname that is nobody else's on its token, and a subject nobody has asked for", () => {
    expect(kinds({ nickname: 'x', subject, ca: false }, resident('b', [onToken('y')]))).toEqual([]);
    expect(kinds({ nickname: 'x', ca: false }, resident('b', [onToken('x')]))).toEqual(['nickname-shared']);
    expect(kinds({ nickname: 'x', ca: false }, resident('b', [onToken('x')], { seen: { ...description, serial: '18' } }))).toEqual([]);
    expect(kinds({ nickname: 'x', subject, ca: false }, { ...resident('b', []), asksFor: subject })).toEqual(['subject-shared']);
    expect(kinds({ nickname: 'x', subject, ca: false }, { ...resident('b', []), asksFor: encodeSubject('CN=two') })).toEqual([]);
    expect(
      kinds({ nickname: 'x', subject, ca: false }, { ...resident('b', [], { seen: { ...description, serial: '18' } }), asksFor: subject }),
    ).toEqual([]);
  });

  test('may stand in the file of the CA that renews it, and be the CA another instance issues with', () => {
    expect(kinds({ nickname: 'x', renewer: 'b', ca: true }, resident('b', [onToken('x')]))).toEqual([]);
    expect(kinds({ nickname: 'x', renewer: 'c', ca: true }, resident('b', [onToken('x')]))).toEqual(['nickname-shared']);
    expect(kinds({ nickname: 'b ca', subject, ca: true }, { ...resident('b', []), asksFor: subject })).toEqual([]);
    expect(kinds({ nickname: 'b ca', subject, ca: false }, resident('b', []))).toEqual(['nickname-shared']);
    expect(kinds({ nickname: 'a ca', ca: true }, resident('b', [], { issuer: ca('a ca') }))).toEqual(['nickname-shared']);
  });
});
