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
  it('fills in the defaults the README promises', () => {
    const instance = parsed(minimal);
    expect(instance).toMatchObject({
      name: 'hsmonger',
      user: 'pkiuser',
      drop: 'setuid',
      token: { selector: { by: 'label', label: 'softhsm_token' }, pin: { from: 'file', path: '/etc/hsmonger/hsmonger.pin' }, environment: {} },
      issuer: { type: 'token', backdateSeconds: 60, digest: 'sha256', lifetimeDays: {} },
      saving: { guardMinutes: 15 },
      helper: { deadlineSeconds: 120 },
      certificates: [],
    });
  });

  it.each(['"/etc/pki/alias"', '"sql:/etc/pki/alias"', '"sql:/etc/pki//alias/"'])('takes %s as the same database', (database) => {
    expect(parsed(minimal.replace('"/etc/pki/pki-tomcat/alias"', database)).nss.database.replace(/\/$/u, '')).toBe('/etc/pki/alias');
  });

  it.each([
    ['slot = 7', { by: 'slot', slotId: 7 }],
    ['slot-index = 0', { by: 'slot-index', index: 0 }],
    ['uri = "pkcs11:token=HSM%201"', { by: 'uri', uri: 'pkcs11:token=HSM%201' }],
  ])('takes %s as a token', (line, selector) => {
    expect(parsed(minimal.replace('label = "softhsm_token"', line)).token.selector).toEqual(selector);
  });

  it('keeps the order of the certificates', () => {
    const text = `${minimal}[[certificate]]\nnickname = "b"\nprofile = "caOCSPCert"\n[[certificate]]\nnickname = "a"\nprofile = "caCACert"\n`;
    expect(parsed(text).certificates.map(({ nickname }) => nickname)).toEqual(['b', 'a']);
  });
});

describe('fail', () => {
  it.each([
    ['an unknown key', `${minimal}\n[saving]\nrestrat = "x"`, /'saving\.restrat' is not a key/u],
    ['an unknown key in a list', `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caCACert"\ntoken="c"`, /'certificate\.0\.token' is not a key/u],
    ['two PIN sources', minimal.replace('pin-file', 'pin-env = "PIN"\npin-file'), /exactly one of pin-file, pin-env and pin-credential, not 2/u],
    ['no PIN source', minimal.replace(/pin-file.*\n/u, ''), /exactly one of pin-file.*not none/u],
    ['two ways to name the token', minimal.replace('label', 'slot = 1\nlabel'), /exactly one of label, slot, slot-index and uri, not 2/u],
    ['a relative module', minimal.replace('/usr/lib/softhsm/', ''), /'token\.module' must be an absolute path/u],
    ['a dbm database', minimal.replace('"/etc/pki/pki-tomcat/alias"', '"dbm:/etc/pki"'), /dbm.*upgrade-merge/u],
    ['a missing section', minimal.replace(/\[nss\][^[]*/u, ''), /'nss' is missing/u],
    ['a wrong type', minimal.replace('"softhsm_token"', '7'), /'token\.label' must be string, not 7/u],
    ['root as the service user', `user = "root"\n${minimal}`, /must not be root/u],
    ['a nickname twice', `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caCACert"\n[[certificate]]\nnickname="a"\nprofile="caOCSPCert"`, /names 'a' twice/u],
    ['a lifetime of a profile there is not', minimal.replace('[issuer]', '[issuer]\nlifetime-days = { caOcspCert = 365 }'), /'issuer\.lifetime-days\.caOcspCert' must be a profile \(caCACert, .*\), not "caOcspCert"/u],
    ['a certificate of a profile there is not', `${minimal}\n[[certificate]]\nnickname="a"\nprofile="caocspcert"`, /'certificate\.0\.profile' must be a profile \(.*caOCSPCert.*\), not "caocspcert"/u],
    ['a profile that is no text', `${minimal}\n[[certificate]]\nnickname="a"\nprofile=7`, /'certificate\.0\.profile' must be a profile \(.*\), not 7/u],
    ['a certificate without a profile', `${minimal}\n[[certificate]]\nnickname="a"`, /'certificate\.0\.profile' is missing/u],
    ['a nickname with a colon', `${minimal}\n[[certificate]]\nnickname="col:on"\nprofile="caOCSPCert"`, /'certificate\.0\.nickname' must not hold ':'/u],
    ['a nickname with a blank at its end', `${minimal}\n[[certificate]]\nnickname="trail "\nprofile="caOCSPCert"`, /must not begin or end with a blank/u],
    ['a nickname with a line break', `${minimal}\n[[certificate]]\nnickname="a\\nb"\nprofile="caOCSPCert"`, /must not hold control characters/u],
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
