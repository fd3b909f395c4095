import { describe, expect, it } from 'vitest';
import type { CaConfig } from '../../../src/config/instance.js';
import type { Certificate } from '../../../src/x509/certificate.js';
import { limitsOf } from '../../../src/issuer/token/issuance/limits.js';
import { underPolicy } from '../../../src/issuer/token/issuance/policy.js';
import { nameText } from '../../../src/x509/names/name.js';
import { subjectFromText } from '../../../src/x509/names/subject-text.js';

const ca = subjectFromText('CN=CA,OU=A,OU=B,O=Example Ltd,C=US');
const under = (policy: CaConfig['policy'], subject: string) => nameText(underPolicy(policy, subjectFromText(subject), ca));

describe('a subject under a policy, as openssl-ca(1) has it', () => {
  const strict = { countryName: 'match', organizationName: 'match', organizationalUnitName: 'optional', commonName: 'supplied' } as const;

  it('takes the fields the policy names, in its order, and leaves the others out', () => {
    expect(under(strict, '/CN=www/ST=Ohio/OU=x/OU=y/O=Example Ltd/C=US/emailAddress=a@b.test')).toBe('CN=www,OU=y,OU=x,O=Example Ltd,C=US');
    expect(under({}, '/CN=www/O=whatever')).toBe('O=whatever,CN=www');
  });

  it("writes a field that matches as the CA's certificate has it", () => {
    expect(under({ O: 'match', CN: 'supplied' }, 'CN=www,O=example  LTD')).toBe('CN=www,O=Example Ltd');
    expect(under({ '2.5.4.11': 'match' }, 'OU=b')).toBe('OU=B');
  });

  it.each([
    [{ commonName: 'supplied' }, 'O=x', 'NAME_REFUSED', /has no commonName, which the CA's policy wants/u],
    [{ O: 'match' }, 'CN=x', 'NAME_REFUSED', /has no O, which must be the CA's own, 'Example Ltd'/u],
    [{ O: 'match' }, 'CN=x,O=Other', 'NAME_REFUSED', /has the O 'Other', which must be the CA's own/u],
    [{ ST: 'match' }, 'CN=x,ST=y', 'CONFIG_INVALID', /the CA .* has none; ask for 'supplied'/u],
    [{ colour: 'optional' }, 'CN=x', 'CONFIG_INVALID', /names a field 'colour', which is not known/u],
  ] as const)('%j refuses %s', (policy, subject, code, why) => {
    expect(() => under(policy, subject)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(why) as string }));
  });
});

describe('how many CAs may stand below one', () => {
  const certificate = (subject: string, issuer: string, pathLength?: number) =>
    ({
      subject: subjectFromText(subject),
      issuer: subjectFromText(issuer),
      extensions: [],
      ...(pathLength === undefined ? {} : { pathLength }),
    }) as unknown as Certificate;
  const below = (issuing: Certificate, chain: Certificate[], root: Certificate) =>
    limitsOf({ certificate: issuing, path: { chain, roots: [root] } }).pathLength;

  it.each([
    [undefined, undefined, undefined],
    [0, undefined, 0],
    [undefined, 1, 0],
    [3, 2, 1],
    [1, 5, 1],
  ])('its own path length %s and its root’s %s give %s', (own, roots, expected) => {
    expect(below(certificate('CN=Sub', 'CN=Root', own), [], certificate('CN=Root', 'CN=Root', roots))).toBe(expected);
  });

  it('a self-issued CA in between takes none', () => {
    expect(below(certificate('CN=Root', 'CN=Root'), [], certificate('CN=Root', 'CN=Root', 1))).toBe(1);
  });

  it('a root alone counts once', () => {
    const root = certificate('CN=Root', 'CN=Root', 1);
    expect(below(root, [], root)).toBe(1);
  });
});
