import { describe, expect, it } from 'vitest';
import { parse } from 'smol-toml';
import { parseInstance } from '../../src/config/schema.js';
import { HsmongerError } from '../../src/errors.js';

const minimal = `
[token]
label = "softhsm_token"
module = "/usr/lib/softhsm/libsofthsm2.so"
pin-file = "/etc/hsmonger/hsmonger.pin"
[nss]
database = "/etc/pki/pki-tomcat/alias"
[issuer]
type = "token"
certificate = "caSigningCert cert-pki-ca"
`;

const withoutToken = minimal.slice(minimal.indexOf('[nss]'));
const parsed = (text: string, name = 'hsmonger') => parseInstance(name, '/etc/hsmonger/hsmonger.toml', parse(text));

function refusal(text: string, name?: string): HsmongerError {
  try {
    parsed(text, name);
  } catch (error) {
    expect(error).toBeInstanceOf(HsmongerError);
    return error as HsmongerError;
  }
  throw new Error('was accepted');
}

describe('pass', () => {
  it.each([
    ['pin-unlock = true', { from: 'unlocked', path: '/run/hsmonger/kra.pin', instance: 'kra' }],
    ['pin-unlock = "/run/x/pin"', { from: 'unlocked', path: '/run/x/pin', instance: 'kra' }],
    ['pin-credential = "hsm"', { from: 'unlocked', path: '/run/hsmonger/kra.pin', instance: 'kra', credential: 'hsm' }],
    ['pin-credential = "hsm"\npin-unlock = "/run/x/pin"', { from: 'unlocked', path: '/run/x/pin', instance: 'kra', credential: 'hsm' }],
  ])('a PIN in memory: %s', (line, pin) => {
    expect(parsed(minimal.replace(/pin-file.*\n/u, `${line}\n`), 'kra').token?.pin).toEqual(pin);
  });

  it('a PIN in memory for a further token knows for which', () => {
    const further = `${minimal}[tokens.other]\nlabel = "o"\nmodule = "/usr/lib/softhsm/libsofthsm2.so"\npin-unlock = true\n`;
    expect(parsed(further, 'kra').otherTokens?.['other']?.pin).toEqual({
      from: 'unlocked',
      path: '/run/hsmonger/kra@other.pin',
      instance: 'kra',
      on: 'other',
    });
    // Another instance may be called like instance and token of this one.
    expect(parsed(minimal.replace(/pin-file.*\n/u, 'pin-unlock = true\n'), 'kra.other').token?.pin).toMatchObject({
      path: '/run/hsmonger/kra.other.pin',
    });
    const own = minimal.replace(/pin-file.*\n/u, 'pin-unlock = "/run/x/pin"\n');
    const inOnePlace = `${own}[tokens.other]\nlabel = "o"\nmodule = "/usr/lib/softhsm/libsofthsm2.so"\npin-unlock = "/run/x/pin"\n`;
    expect(refusal(inOnePlace)).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/'tokens\.other' has its PIN in \/run\/x\/pin, as \[token\] has/u) as string,
    });
  });

  it('takes one answer to who owns the ledger, the directory or the file', () => {
    const owned = minimal.replace('type = "token"', 'type = "token"\nowner = "ca1.example.test"');
    expect(parsed(owned).issuer).toMatchObject({ owner: 'ca1.example.test' });
    expect(
      refusal(
        `${owned}[directory]\nuri = "ldapi://%2Frun%2Fx.socket"\nbind = "external"\nbase = "dc=example,dc=test"\nhost = "ca1.example.test"\n`,
      ),
    ).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/'issuer\.owner' is for hosts without a \[directory\]/u) as string,
    });
  });

  it('fills in the defaults the README promises', () => {
    const instance = parsed(minimal);
    expect(instance).toMatchObject({
      name: 'hsmonger',
      user: 'pkiuser',
      drop: 'setuid',
      token: {
        selector: { by: 'label', label: 'softhsm_token' },
        pin: { from: 'file', path: '/etc/hsmonger/hsmonger.pin' },
        environment: {},
      },
      issuer: { type: 'token', backdateSeconds: 60, lifetimeDays: {} },
      saving: { guardMinutes: 15 },
      helper: { deadlineSeconds: 120 },
      agent: { probeSeconds: 60, signMinutes: 60, spreadDays: 7, reconcile: 'apply' },
      certificates: [],
    });
  });

  it.each(['"/etc/pki/alias"', '"sql:/etc/pki/alias"', '"sql:/etc/pki//alias/"'])('takes %s as the same database', (database) => {
    expect(parsed(minimal.replace('"/etc/pki/pki-tomcat/alias"', database)).nss.database.replace(/\/$/u, '')).toBe('/etc/pki/alias');
  });

  it.each([
    ['slot = 7', { by: 'slot', slotId: 7 }],
    ['slot-index = 0', { by: 'slot-index', index: 0 }],
    ['uri = "PKCS11:token=HSM%201"', { by: 'uri', uri: 'PKCS11:token=HSM%201' }],
    ['uri = "pkcs11:token=HSM%201"', { by: 'uri', uri: 'pkcs11:token=HSM%201' }],
  ])('takes %s as a token', (line, selector) => {
    expect(parsed(minimal.replace('label = "softhsm_token"', line)).token?.selector).toEqual(selector);
  });

  it('keeps the order of the certificates', () => {
    const text = `${minimal}[[certificate]]\nnickname = "b"\nprofile = "caOCSPCert"\n[[certificate]]\nnickname = "a"\nprofile = "caCACert"\n`;
    expect(parsed(text).certificates.map(({ nickname }) => nickname)).toEqual(['b', 'a']);
  });
});

const dogtag = minimal.replace(
  'type = "token"\n',
  'type = "dogtag"\nurl = "https://ca.example.test:8443"\nca-file = "/etc/ipa/ca.crt"\nagent-certificate = "/var/lib/ipa/ra-agent.pem"\nagent-key = "/var/lib/ipa/ra-agent.key"\n',
);
const directory = `${minimal}\n[directory]\nuri = "ldapi://%2Frun%2Fx.socket"\nbind = "external"\nbase = "dc=example,dc=test"\nhost = "ca1.example.test"\n`;

describe('pass/servers', () => {
  it("takes Dogtag's issuer and a directory", () => {
    expect(parsed(dogtag).issuer).toEqual({
      type: 'dogtag',
      certificate: 'caSigningCert cert-pki-ca',
      url: 'https://ca.example.test:8443',
      caFile: '/etc/ipa/ca.crt',
      agent: { certificate: '/var/lib/ipa/ra-agent.pem', key: '/var/lib/ipa/ra-agent.key' },
    });
    expect(parsed(directory).directory).toEqual({
      uri: 'ldapi://%2Frun%2Fx.socket',
      startTls: false,
      bind: { method: 'external' },
      base: 'dc=example,dc=test',
      pkiBase: 'o=ipaca',
      host: 'ca1.example.test',
    });
  });

  it.each(['directory', 'external'])('needs no [token] where issuer %s asks for none and everything lies elsewhere', (type) => {
    const elsewhere = withoutToken.replace('type = "token"', `type = "${type}"`);
    expect(parsed(elsewhere)).not.toHaveProperty('token');
    const certificates = `${elsewhere}[[certificate]]\nnickname="a"\nprofile="caOCSPCert"\ntoken="internal"\n[[certificate]]\nnickname="b"\nprofile="caSubsystemCert"\ncertificate-file="/c"\nkey-file="/k"\n`;
    expect(parsed(certificates).certificates.map(({ storage }) => storage.kind)).toEqual(['internal', 'file']);
  });

  it.each([
    ['the issuer signs on one', withoutToken, /'token' is missing: the CA's key is on one where issuer\.type is "token"/u],
    [
      'a certificate lies on one',
      `${withoutToken.replace('type = "token"', 'type = "directory"')}[[certificate]]\nnickname="a"\nprofile="caOCSPCert"\n`,
      /'token' is missing, and 'a' lies on one: add \[token\], or .*token = "internal"/u,
    ],
    [
      'it is half there',
      minimal.replace(/^module.*\n/mu, '').replace('type = "token"', 'type = "directory"'),
      /'token\.module' is missing/u,
    ],
  ])('refuses to be without [token] where %s', (_why, text, message) => {
    expect(refusal(text)).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) as string });
  });

  it.each([
    ['token = "internal"', { kind: 'internal' }],
    [
      'certificate-file = "/c"\nkey-file = "/k"\nowner = "root:ipaapi"\nmode = "0440"',
      { kind: 'file', certificate: '/c', key: '/k', owner: 'root:ipaapi', mode: 0o440 },
    ],
    ['', { kind: 'token' }],
  ])('takes a certificate with %j', (lines, storage) => {
    expect(parsed(`${minimal}\n[[certificate]]\nnickname="a"\nprofile="caCACert"\n${lines}`).certificates).toEqual([
      { nickname: 'a', profile: 'caCACert', storage },
    ]);
  });
});

describe('fail', () => {
  it.each([
    ['an unknown key', `${minimal}\n[saving]\nrestrat = "x"`, /'saving\.restrat' is not a key/u],
    [
      'an unknown key in a list',
      `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caCACert"\ncolour="c"`,
      /'certificate\.0\.colour' is not a key/u,
    ],
    [
      'a profile Dogtag wants more for',
      `${minimal.replace('type = "token"', 'type = "dogtag"\nurl = "https://ca.example"\nca-file = "/c"')}\n[[certificate]]\nnickname="a"\nprofile="caUserCert"`,
      /gives 'a' the profile caUserCert, which is for a CA on a token/u,
    ],
    [
      'a certificate on another token',
      `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caCACert"\ntoken="c"`,
      /on the token 'c', and there is no \[tokens\.c\]/u,
    ],
    [
      'a certificate in half a pair of files',
      `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caCACert"\nkey-file="/k"`,
      /certificate-file and key-file of 'a' together/u,
    ],
    [
      'a certificate in files and on a token',
      `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caCACert"\ntoken="internal"\nkey-file="/k"\ncertificate-file="/c"`,
      /both in files and on a token/u,
    ],
    [
      'a mode for what is in no file',
      `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caCACert"\nmode="0440"`,
      /which only certificates in files have/u,
    ],
    ['an issuer there is not', minimal.replace('"token"', '"acme"'), /'issuer\.type'/u],
    [
      'a key of another issuer',
      minimal.replace('"token"', '"external"').replace('[issuer]', '[issuer]\ndigest = "sha256"'),
      /'issuer\.digest' is not a key/u,
    ],
    ['a CA over plain HTTP', dogtag.replace('https:', 'http:'), /'issuer\.url' must be https/u],
    ['a path behind the CA', dogtag.replace(':8443', ':8443/ca'), /'issuer\.url' must be https/u],
    ["an agent's certificate without its key", dogtag.replace(/agent-key.*\n/u, ''), /agent-certificate and agent-key together/u],
    ['a directory that is none', directory.replace('ldapi:', 'http:'), /'directory\.uri' must be ldapi/u],
    [
      'EXTERNAL over the network',
      directory.replace('ldapi://%2Frun%2Fx.socket', 'ldaps://h'),
      /'directory\.bind' is "external", which works over ldapi/u,
    ],
    ['a simple bind without a password file', directory.replace('"external"', '"simple"'), /bind-dn and password-file/u],
    [
      'a password in clear',
      directory.replace('ldapi://%2Frun%2Fx.socket', 'ldap://h').replace('"external"', '"simple"\nbind-dn = "cn=x"\npassword-file = "/p"'),
      /would send the password in clear/u,
    ],
    ['keys of another way to bind', `${directory}\nkeytab = "/k"`, /'directory\.bind' is "external", which goes with no other key/u],
    ['StartTLS over a socket', `${directory}\nstart-tls = true`, /'directory\.start-tls' is for ldap:/u],
    [
      'two PIN sources',
      minimal.replace('pin-file', 'pin-env = "PIN"\npin-file'),
      /exactly one of pin-file, pin-env, pin-credential and pin-unlock, not 2/u,
    ],
    ['pin-unlock beside a file', minimal.replace('pin-file', 'pin-unlock = true\npin-file'), /exactly one of pin-file.*not 2/u],
    [
      'pin-unlock that is false',
      minimal.replace(/pin-file.*\n/u, 'pin-unlock = false\n'),
      /'token\.pin-unlock' must be true, or the absolute path/u,
    ],
    [
      'pin-unlock that says nothing beside a credential',
      minimal.replace(/pin-file.*\n/u, 'pin-unlock = true\npin-credential = "c"\n'),
      /'token\.pin-unlock' is true beside pin-credential/u,
    ],
    ['no PIN source', minimal.replace(/pin-file.*\n/u, ''), /exactly one of pin-file.*not none/u],
    ['two ways to name the token', minimal.replace('label', 'slot = 1\nlabel'), /exactly one of label, slot, slot-index and uri, not 2/u],
    ['a relative module', minimal.replace('/usr/lib/softhsm/', ''), /'token\.module' must be an absolute path/u],
    ['a dbm database', minimal.replace('"/etc/pki/pki-tomcat/alias"', '"dbm:/etc/pki"'), /dbm.*certutil --merge -d sql:\/etc\/pki\.sql/u],
    ['a missing section', minimal.replace(/\[nss\][^[]*/u, ''), /'nss' is missing/u],
    ['a wrong type', minimal.replace('"softhsm_token"', '7'), /'token\.label' must be string, not 7/u],
    ['root as the service user', `user = "root"\n${minimal}`, /must not be root/u],
    [
      'a nickname twice',
      `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caCACert"\n[[certificate]]\nnickname="a"\nprofile="caOCSPCert"`,
      /names 'a' twice/u,
    ],
    [
      'a lifetime of a profile there is not',
      minimal.replace('[issuer]', '[issuer]\nlifetime-days = { caOcspCert = 365 }'),
      /'issuer\.lifetime-days\.caOcspCert' must be a profile \(caCACert, .*\), not "caOcspCert"/u,
    ],
    [
      'a certificate of a profile there is not',
      `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caocspcert"`,
      /'certificate\.0\.profile' must be a profile \(.*caOCSPCert.*\), not "caocspcert"/u,
    ],
    [
      'a profile that is no text',
      `${minimal}\n[[certificate]]\nnickname="a"\nprofile=7`,
      /'certificate\.0\.profile' must be a profile \(.*\), not 7/u,
    ],
    [
      'days of what lies in the NSS database',
      `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caOCSPCert"\ntoken="internal"\ndays=30`,
      /gives 'a' days, which only certificates on a token and in files have/u,
    ],
    [
      'days of none',
      `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caOCSPCert"\ndays=0`,
      /'certificate\.0\.days' must be at least 1 day/u,
    ],
    ['a policy that is no object identifier', `${minimal}\n[ca]\npolicies = ["1.40.3"]`, /'ca\.policies\.0' must be an object identifier/u],
    ['a policy twice', `${minimal}\n[ca]\npolicies = ["1.2.3", "1.2.3"]`, /'ca\.policies' must name each policy once/u],
    ['a certificate without a profile', `${minimal}\n[[certificate]]\nnickname="a"`, /'certificate\.0\.profile' is missing/u],
    [
      'a nickname with a colon',
      `${minimal}\n[[certificate]]\nnickname="col:on"\nprofile="caOCSPCert"`,
      /'certificate\.0\.nickname' must not hold ':'/u,
    ],
    [
      'a nickname with a blank at its end',
      `${minimal}\n[[certificate]]\nnickname="trail "\nprofile="caOCSPCert"`,
      /must not begin or end with a blank/u,
    ],
    [
      'a nickname with a line break',
      `${minimal}\n[[certificate]]\nnickname="a\\nb"\nprofile="caOCSPCert"`,
      /must not hold control characters/u,
    ],
    ['a unit that is no unit', `${minimal}\n[saving]\nrestart = "x; reboot"`, /'saving\.restart' must be the name of a systemd unit/u],
  ])('refuses %s and names it', (_what, text, message) => {
    const error = refusal(text);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).toContain('/etc/hsmonger/hsmonger.toml');
  });

  it.each(['a b', '../x', '.hidden', '', 'ä'])('refuses the instance name %j', (name) => {
    expect(refusal(minimal, name).code).toBe('CONFIG_INVALID');
  });
});
