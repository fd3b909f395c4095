import { describe, expect, it } from 'vitest';
import { caNickname, caSubjectOf, sharedNickname } from '../../src/freeipa/nickname.js';
import { nameFromText } from '../../src/x509/names/name-text.js';

const names = { caSubject: 'CN=Certificate Authority,O=EXAMPLE.TEST', subjectBase: 'O=EXAMPLE.TEST' };

describe('the nickname under which servers share a certificate goes by its subject', () => {
  it.each([
    ['CN=Certificate Authority,O=EXAMPLE.TEST', caNickname],
    ['CN=CA Audit,O=EXAMPLE.TEST', 'auditSigningCert cert-pki-ca'],
    ['CN=OCSP Subsystem,O=EXAMPLE.TEST', 'ocspSigningCert cert-pki-ca'],
    ['CN=CA Subsystem,O=EXAMPLE.TEST', 'subsystemCert cert-pki-ca'],
    ['CN=KRA Audit,O=EXAMPLE.TEST', 'auditSigningCert cert-pki-kra'],
    ['CN=KRA Transport Certificate,O=EXAMPLE.TEST', 'transportCert cert-pki-kra'],
    ['CN=KRA Storage Certificate,O=EXAMPLE.TEST', 'storageCert cert-pki-kra'],
    ['CN=IPA RA,O=EXAMPLE.TEST', 'ipaCert'],
    ['cn=ipa ra,o=example.test', 'ipaCert'],
  ])('%s: %s', (subject, nickname) => {
    expect(sharedNickname(nameFromText(subject), names)).toBe(nickname);
  });

  it.each([
    ["a server's own", 'CN=server.example.test,O=EXAMPLE.TEST'],
    ["a lightweight CA's", 'CN=VPN,O=EXAMPLE.TEST'],
    ['one below another base', 'CN=CA Audit,O=OTHER.TEST'],
    ['one with a part more', 'CN=CA Audit,OU=x,O=EXAMPLE.TEST'],
    ['one whose parts are the wrong way round', 'O=EXAMPLE.TEST,CN=CA Audit'],
    ['none at all', ''],
  ])('%s has none', (_what, subject) => {
    expect(sharedNickname(nameFromText(subject), names)).toBeUndefined();
  });

  it('a CA that was named otherwise is found by the name the directory has', () => {
    const chosen = { caSubject: caSubjectOf({ subject: 'CN=Our CA,DC=example,DC=test' }, 'O=EXAMPLE.TEST'), subjectBase: 'O=EXAMPLE.TEST' };
    expect(sharedNickname(nameFromText('CN=Our CA,DC=example,DC=test'), chosen)).toBe(caNickname);
    expect(sharedNickname(nameFromText('CN=Certificate Authority,O=EXAMPLE.TEST'), chosen)).toBeUndefined();
  });

  it('a CA named like one of its own system certificates is the CA', () => {
    expect(sharedNickname(nameFromText('CN=CA Audit,O=EXAMPLE.TEST'), { ...names, caSubject: 'CN=CA Audit,O=EXAMPLE.TEST' })).toBe(
      caNickname,
    );
  });

  it("without a name in the directory it is FreeIPA's first one", () => {
    expect(caSubjectOf(undefined, 'O=EXAMPLE.TEST')).toBe('CN=Certificate Authority,O=EXAMPLE.TEST');
    expect(caSubjectOf({}, 'O=X')).toBe('CN=Certificate Authority,O=X');
  });

  it('a name that is none is refused, not taken for another', () => {
    const refusal = (code: string) => expect.objectContaining({ code }) as Error;
    expect(() => sharedNickname(nameFromText('CN=a'), { ...names, subjectBase: 'nonsense' })).toThrow(refusal('CONFIG_INVALID'));
    // Not for ever: certmonger gives a request up that nobody has configured, and this is one entry of the directory.
    expect(() => sharedNickname(nameFromText('CN=a'), { ...names, caSubject: 'nonsense' })).toThrow(refusal('DIRECTORY_INVALID'));
  });
});
