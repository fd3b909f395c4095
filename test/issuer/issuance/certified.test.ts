/**
 * What a certificate says that renews none, clause by clause of RFC 5280; openssl is the judge of what comes out of it elsewhere
 * (issue-many.test.ts).
 */
import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { caConfig } from '../../../src/config/ca-config.js';
import type { CaConfig } from '../../../src/config/instance.js';
import { profiles } from '../../../src/issuer/profiles.js';
import { certified, type Certifying } from '../../../src/issuer/token/issuance/certified.js';
import { noLimits } from '../../../src/issuer/token/issuance/limits.js';
import { planRoot } from '../../../src/issuer/token/own/plan-root.js';
import type { Certificate } from '../../../src/x509/certificate.js';
import { contentOf, element, elementsIn } from '../../../src/x509/der.js';
import { allows, findExtension } from '../../../src/x509/extensions/extensions.js';
import { encodeGeneralName, subjectAltNameExtension } from '../../../src/x509/names/general-name.js';
import { generalNameElementText, generalNameFromText } from '../../../src/x509/names/general-name-text.js';
import { oids } from '../../../src/x509/oids.js';
import { subjectFromText } from '../../../src/x509/names/subject-text.js';
import { caConstraints, makeCertificate, makeKeys, now } from '../../x509/material.js';

let issuer: Certificate;
beforeAll(async () => {
  issuer = await makeCertificate({ keys: await makeKeys(), extensions: [caConstraints()] });
});

const spkiOf = (keys: { readonly publicKey: { export(options: { format: 'der'; type: 'spki' }): Buffer } }) =>
  new Uint8Array(keys.publicKey.export({ format: 'der', type: 'spki' }));
const ec = spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const made = (
  subject: string | Uint8Array,
  more: Partial<Certifying> & {
    readonly spki?: Uint8Array;
    readonly asked?: readonly Uint8Array[];
    readonly config?: Partial<CaConfig>;
  } = {},
) => {
  const { spki = ec, asked, config, profile = profiles.caUserCert, ...rest } = more;
  const name = typeof subject === 'string' ? subjectFromText(subject) : subject;
  const csr = {
    der: new Uint8Array(),
    subject: name,
    spki,
    extensions: asked === undefined ? [] : [subjectAltNameExtension(asked, name)],
    info: new Uint8Array(),
    signatureAlgorithm: new Uint8Array(),
    signature: new Uint8Array(),
  };
  return certified({ csr, issuer, profile, policy: profile.issue!, ca: { ...caConfig({}), ...config }, limits: noLimits, ...rest })
    .extensions;
};
const namesIn = (extensions: ReturnType<typeof made>) => {
  const found = findExtension(extensions, oids.subjectAltName);
  return found === undefined ? [] : elementsIn(found.value).map(generalNameElementText);
};
const names = (...texts: string[]) => texts.map((text) => encodeGeneralName(generalNameFromText(text)));

describe('mail addresses of a subject are alternative names too (§4.1.2.6)', () => {
  it.each([
    ['E=jane@example.test,CN=Jane', {}, ['email:jane@example.test']],
    ['E=jane@example.test,CN=Jane', { asked: names('email:jane@example.test', 'dns:a.test') }, ['email:jane@example.test', 'dns:a.test']],
    ['E=jane@example.test,CN=www.example.test', { profile: profiles.caServerCert }, ['dns:www.example.test', 'email:jane@example.test']],
    ['E=jane@example.test,CN=Jane', { names: names('uri:urn:uuid:x') }, ['uri:urn:uuid:x', 'email:jane@example.test']],
    ['E=nobody,CN=Jane', {}, []],
    ['CN=Jane', {}, []],
    ['E=ca@example.test,CN=Sub', { profile: profiles.caCACert }, ['email:ca@example.test']],
  ] as const)('%s %j', (subject, more, expected) => {
    expect(namesIn(made(subject, more))).toEqual(expected);
  });

  it('of a root as well', () => {
    const plan = planRoot(
      now,
      { spki: ec, serial: Uint8Array.of(1) },
      { subject: subjectFromText('E=ca@example.test,CN=Root'), days: 1 },
      'key',
      0,
    );
    expect(namesIn([...plan.extensions])).toEqual(['email:ca@example.test']);
  });
});

it.each([
  ['a host that is none', element(0x82, Buffer.from('a_b.test'))],
  ['a mail address without a host', element(0x81, Buffer.from('jane'))],
  ['a mail address with a name before it', element(0x81, Buffer.from('Jane <jane@example.test>'))],
  ['a relative URI', element(0x86, Buffer.from('/index.html'))],
  ['a URI of nothing but a scheme', element(0x86, Buffer.from('http:'))],
] as const)('%s is refused (§4.2.1.6)', (_what, name) => {
  expect(() => made('CN=a', { asked: [name] })).toThrow(/^The certificate request asks for the name .*, which is none/u);
});

it.each([
  ['TeletexString', 0x14, 'Größe'],
  ['BMPString', 0x1e, '\0A'],
  ['UniversalString', 0x1c, '\0\0\0A'],
  ['PrintableString with signs it has not', 0x13, '*.example.test'],
] as const)('a subject in a %s is refused (§4.1.2.4)', (_what, tag, text) => {
  const commonName = element(0x30, Uint8Array.of(0x06, 0x03, 0x55, 0x04, 0x03), element(tag, Buffer.from(text, 'latin1')));
  expect(() => made(element(0x30, element(0x31, commonName)))).toThrow(/UTF-8 takes its place; ask for another/u);
});

it.each([
  ['RSA', spkiOf(generateKeyPairSync('rsa', { modulusLength: 2048 })), true],
  ['RSA bound to PSS (RFC 4055 §1.2)', spkiOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 })), false],
  ['a curve (RFC 5480 §3)', ec, false],
  ['Ed25519 (RFC 8410 §5)', spkiOf(generateKeyPairSync('ed25519')), false],
] as const)('a key of %s may encrypt: %j', (_what, spki, encrypts) => {
  const extensions = made('CN=a', { spki });
  expect(allows({ extensions }, 'keyEncipherment')).toBe(encrypts);
  expect(allows({ extensions }, 'digitalSignature')).toBe(true);
});

it('names the policies of [ca], without a mark that it must be understood (§4.2.1.4)', () => {
  const found = findExtension(made('CN=a', { config: { policies: ['2.5.29.32.0', '1.3.6.1.4.1.99999.1'] } }), oids.certificatePolicies);
  expect(found?.critical).toBe(false);
  expect(elementsIn(found!.value).map((policy) => Buffer.from(contentOf(policy)).toString('hex'))).toEqual([
    '0604551d2000',
    '06092b06010401868d1f01',
  ]);
  expect(findExtension(made('CN=a'), oids.certificatePolicies)).toBeUndefined();
});
