import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  Certificate,
  Extension,
  Extensions,
  Name,
  RelativeDistinguishedName,
  Time,
  Version,
} from '@peculiar/asn1-x509';
import { attribute, bytes, der, hexOf, name, otherMask, pssParameters, seq, text, types } from './hex.js';
import type { Mutation, Sample } from './mutation.js';

type Tbs = Certificate['tbsCertificate'];
type Mutate = (tbs: Tbs, whole: Certificate) => void;
type Row = readonly [what: string, mutate: Mutate, finding: RegExp];

const oid = {
  aki: '2.5.29.35',
  ski: '2.5.29.14',
  ku: '2.5.29.15',
  bc: '2.5.29.19',
  nc: '2.5.29.30',
  san: '2.5.29.17',
  ian: '2.5.29.18',
  eku: '2.5.29.37',
  cdp: '2.5.29.31',
  freshest: '2.5.29.46',
  directory: '2.5.29.9',
  aia: '1.3.6.1.5.5.7.1.1',
  sia: '1.3.6.1.5.5.7.1.11',
  policies: '2.5.29.32',
  mappings: '2.5.29.33',
  pc: '2.5.29.36',
  inhibit: '2.5.29.54',
  nsType: '2.16.840.1.113730.1.1',
  nsComment: '2.16.840.1.113730.1.13',
  noCheck: '1.3.6.1.5.5.7.48.1.5',
} as const;

const put = (tbs: Tbs, id: string, value: string, critical = false) => {
  tbs.extensions = new Extensions([
    ...Array.from(tbs.extensions ?? new Extensions()).filter(({ extnID }) => extnID !== id),
    new Extension({ extnID: id, critical, extnValue: new OctetString(bytes(value)) }),
  ]);
};
const drop = (tbs: Tbs, id: string) => {
  tbs.extensions = new Extensions(Array.from(tbs.extensions ?? new Extensions()).filter(({ extnID }) => extnID !== id));
};
const criticality = (tbs: Tbs, id: string, critical: boolean) => {
  tbs.extensions!.find(({ extnID }) => extnID === id)!.critical = critical;
};
const named = (hex: string) => AsnConvert.parse(bytes(hex), Name);
const algorithm = (algorithm: string, parameters?: string) =>
  new AlgorithmIdentifier({ algorithm, ...(parameters === undefined ? {} : { parameters: bytes(parameters).buffer }) });
const key = (tbs: Tbs, ...of: Parameters<typeof algorithm>) => {
  tbs.subjectPublicKeyInfo.algorithm = algorithm(...of);
};
const signs = (tbs: Tbs, whole: Certificate, ...by: Parameters<typeof algorithm>) => {
  tbs.signature = whole.signatureAlgorithm = algorithm(...by);
};
const subject =
  (...attributes: readonly string[]): Mutate =>
  (tbs) => {
    tbs.subject = named(name(...attributes));
  };
const withExtension =
  (id: string, value: string, critical = false): Mutate =>
  (tbs) => {
    put(tbs, id, value, critical);
  };
/** What a purpose needs is not there: cRLSign and keyAgreement, or what else is said. */
const purpose =
  (id: string, usage = '03020102'): Mutate =>
  (tbs) => {
    put(tbs, oid.ku, usage, true);
    put(tbs, oid.eku, seq(`06082b060105050703${id}`));
  };
const pss =
  (parameters?: string): Mutate =>
  (tbs, whole) => {
    signs(tbs, whole, '1.2.840.113549.1.1.10', parameters);
  };
const constraint = (base: string, ...more: readonly string[]) => withExtension(oid.nc, seq(der('a0', seq(base, ...more))), true);
const point = (...parts: readonly string[]) => seq(seq(...parts));
const fullName = (uri: string) => der('a0', der('a0', text('86', uri)));
const access = (method: string, location: string) => seq(seq(`06082b0601050507${method}`, location));

const leaf: readonly Row[] = [
  [
    'another inner algorithm',
    (tbs) => {
      tbs.signature = algorithm('1.2.840.113549.1.1.12', '0500');
    },
    /not the one in the tbsCertificate/u,
  ],
  [
    'RSA signature parameters absent',
    (tbs, whole) => {
      signs(tbs, whole, '1.2.840.113549.1.1.11');
    },
    /RSA parameters that are not NULL/u,
  ],
  [
    'SHA-1',
    (tbs, whole) => {
      signs(tbs, whole, '1.2.840.113549.1.1.5', '0500');
    },
    /broken digest/u,
  ],
  [
    'ECDSA with SHA-1',
    (tbs, whole) => {
      signs(tbs, whole, '1.2.840.10045.4.1');
    },
    /broken digest/u,
  ],
  [
    'ECDSA with parameters',
    (tbs, whole) => {
      signs(tbs, whole, '1.2.840.10045.4.3.2', '0500');
    },
    /with parameters/u,
  ],
  [
    'an empty signature',
    (_, whole) => {
      whole.signatureValue = new ArrayBuffer(0);
    },
    /signature: empty/u,
  ],
  ['PSS without parameters', pss(), /RSASSA-PSS without parameters/u],
  ['PSS with parameters that are none', pss('0500'), /RSASSA-PSS parameters: does not decode/u],
  ['PSS with its defaults, which are SHA-1', pss('3000'), /RSASSA-PSS with a digest that is broken or not known \(SHA-1\)/u],
  ['PSS with SHA-1', pss(pssParameters({ hash: 'sha1' })), /RSASSA-PSS with a digest that is broken or not known \(1\.3/u],
  ['PSS with a mask of none', pss(seq('a00f300d06096086480165030402010500', 'a203020120')), /RSASSA-PSS with a mask that is not MGF1/u],
  [
    'PSS with another mask function',
    pss(pssParameters({ function: '06092a864886f70d010109' })),
    /RSASSA-PSS with a mask that is not MGF1/u,
  ],
  ['PSS with a mask of junk', pss(pssParameters({ mask: '0500' })), /RSASSA-PSS mask: does not decode/u],
  ['PSS with a mask of another digest', pss(pssParameters({ mask: otherMask })), /RSASSA-PSS with a mask of another digest/u],
  ['PSS with a long salt', pss(pssParameters({ salt: '40' })), /RSASSA-PSS with a salt of 64 octets/u],
  ['PSS with another trailer', pss(pssParameters({ trailer: '02' })), /RSASSA-PSS with a trailer that is not 1/u],
  ['PSS with its trailer written out', pss(pssParameters({ trailer: '01' })), /RSASSA-PSS parameters: is not DER/u],
  [
    'serial 0',
    (tbs) => {
      tbs.serialNumber = bytes('00').buffer;
    },
    /serialNumber: not positive/u,
  ],
  [
    'a negative serial',
    (tbs) => {
      tbs.serialNumber = bytes('ff').buffer;
    },
    /serialNumber: not positive/u,
  ],
  [
    'a serial of 21 octets',
    (tbs) => {
      tbs.serialNumber = bytes(`00${'ff'.repeat(20)}`).buffer;
    },
    /longer than 20 octets/u,
  ],
  [
    'version 1',
    (tbs) => {
      tbs.version = Version.v1;
    },
    /not version 3/u,
  ],
  [
    'notBefore a GeneralizedTime too early',
    (tbs) => {
      tbs.validity.notBefore = Object.assign(new Time(), { utcTime: undefined, generalTime: new Date('2026-01-01T00:00:00Z') });
    },
    /notBefore: GeneralizedTime before 2050/u,
  ],
  [
    'notAfter a GeneralizedTime too early',
    (tbs) => {
      tbs.validity.notAfter = Object.assign(new Time(), { utcTime: undefined, generalTime: new Date('2049-01-01T00:00:00Z') });
    },
    /notAfter: GeneralizedTime before 2050/u,
  ],
  [
    'notBefore after notAfter',
    (tbs) => {
      tbs.validity.notBefore = new Time(new Date('2049-01-01T00:00:00Z'));
    },
    /ends before it begins/u,
  ],
  [
    'an empty issuer',
    (tbs) => {
      tbs.issuer = named(name());
    },
    /issuer: empty/u,
  ],
  [
    'an issuer in BMPString',
    (tbs) => {
      tbs.issuer = named(name(attribute(types.commonName, '1e0400610062')));
    },
    /issuer 2\.5\.4\.3: neither PrintableString nor UTF8String/u,
  ],
  ['an empty subject', subject(), /subjectAltName: not critical, and the subject is empty/u],
  [
    'no subject and no SAN',
    (tbs) => {
      tbs.subject = named(name());
      drop(tbs, oid.san);
    },
    /subject: empty, and no subjectAltName/u,
  ],
  [
    'an empty RDN',
    (tbs) => {
      tbs.subject.push(new RelativeDistinguishedName());
    },
    /^certificate: breaks its own schema/u,
  ],
  [
    'two common names in one RDN',
    (tbs) => {
      tbs.subject = named(seq(der('31', attribute(types.commonName, '0c0161'), attribute(types.commonName, '0c0162'))));
    },
    /subject: an attribute twice in one RDN/u,
  ],
  [
    'a common name of 65 characters',
    subject(attribute(types.commonName, text('0c', 'a'.repeat(65)))),
    /subject 2\.5\.4\.3: does not decode/u,
  ],
  ...(['14016a', '1c0400000061', '1e0400610062'] as const).map((value): Row => [
    `a common name of tag ${value.slice(0, 2)}`,
    subject(attribute(types.commonName, value)),
    /subject 2\.5\.4\.3: neither PrintableString nor UTF8String/u,
  ]),
  ['an @ in PrintableString', subject(attribute(types.commonName, '13026140')), /is no PrintableString/u],
  ['an empty domain component', subject(attribute(types.domain, '1600')), /0\.9\.2342\.19200300\.100\.1\.25: empty/u],
  ['a country in UTF-8', subject(attribute(types.country, '0c024445')), /2\.5\.4\.6: does not decode/u],
  ['a country in small letters', subject(attribute(types.country, '13026465')), /no country of ISO 3166/u],
  ['a country of a digit', subject(attribute(types.country, '13023141')), /no country of ISO 3166/u],
  ['a mail address in UTF-8', subject(attribute(types.mail, '0c03614062')), /1\.2\.840\.113549\.1\.9\.1: does not decode/u],
  [
    'a mail address in the subject alone',
    subject(attribute(types.mail, text('16', 'a@b.example'))),
    /a mail address that is not in subjectAltName/u,
  ],
  [
    'another mail address in the subject',
    (tbs) => {
      tbs.subject = named(name(attribute(types.mail, text('16', 'a@b.example'))));
      put(tbs, oid.san, seq(text('81', 'c@b.example')));
    },
    /a mail address that is not in subjectAltName/u,
  ],
  ['an attribute nobody knows', subject(attribute(types.unknown, '0c0161')), /attribute 2\.5\.4\.99, which is not known/u],
  [
    "an issuer's unique identifier",
    (tbs) => {
      tbs.issuerUniqueID = bytes('00').buffer;
    },
    /a unique identifier/u,
  ],
  [
    "a subject's unique identifier",
    (tbs) => {
      tbs.subjectUniqueID = bytes('00').buffer;
    },
    /a unique identifier/u,
  ],
  [
    'a compressed point',
    (tbs) => {
      tbs.subjectPublicKeyInfo.subjectPublicKey = bytes(`02${'11'.repeat(32)}`).buffer;
    },
    /the point is not uncompressed/u,
  ],
  [
    'a point that is on no curve',
    (tbs) => {
      tbs.subjectPublicKeyInfo.subjectPublicKey = bytes(`04${'11'.repeat(64)}`).buffer;
    },
    /^python-cryptography: ValueError: /u,
  ],
  [
    'a curve that is not named',
    (tbs) => {
      key(tbs, '1.2.840.10045.2.1', '3000');
    },
    /the curve: does not decode/u,
  ],
  [
    'no curve',
    (tbs) => {
      key(tbs, '1.2.840.10045.2.1');
    },
    /the curve: does not decode/u,
  ],
  [
    'Ed25519 with parameters',
    (tbs) => {
      key(tbs, '1.3.101.112', '0500');
    },
    /Ed25519 with parameters/u,
  ],

  [
    'no extensions',
    (tbs) => {
      delete tbs.extensions;
    },
    /no extensions/u,
  ],
  [
    'an empty list of extensions',
    (tbs) => {
      tbs.extensions = new Extensions();
    },
    /certificate: an empty list of extensions/u,
  ],
  [
    'an extension twice',
    (tbs) => {
      tbs.extensions = new Extensions([...tbs.extensions!, tbs.extensions![0]!]);
    },
    /certificate: extension .* twice/u,
  ],
  ['an unknown extension', withExtension('1.2.3.4', '0500'), /extension 1\.2\.3\.4, which is not known/u],
  ['a known extension that is junk', withExtension(oid.ku, '0500', true), /extension 2\.5\.29\.15: does not decode/u],
  ['octets after an extension', withExtension(oid.ku, '03020780 00', true), /1 octets after the end/u],
  ['cA FALSE written out', withExtension(oid.bc, '3003010100', true), /2\.5\.29\.19: is not DER/u],
  ['TRUE as 01', withExtension(oid.bc, '3003010101', true), /2\.5\.29\.19: is not DER/u],
  ['a length too long', withExtension(oid.ski, `048114${'aa'.repeat(20)}`), /2\.5\.29\.14: is not DER/u],
  [
    'no AKI',
    (tbs) => {
      drop(tbs, oid.aki);
    },
    /authorityKeyIdentifier: missing/u,
  ],
  [
    'AKI critical',
    (tbs) => {
      criticality(tbs, oid.aki, true);
    },
    /authorityKeyIdentifier: critical/u,
  ],
  ['AKI of nothing', withExtension(oid.aki, '3000'), /no keyIdentifier/u],
  ['AKI of no octets', withExtension(oid.aki, '30028000'), /no keyIdentifier/u],
  ['AKI with a serial alone', withExtension(oid.aki, '3003820101'), /issuer without serial number/u],
  ['AKI with an issuer alone', withExtension(oid.aki, seq('800101', der('a1', text('82', 'a')))), /issuer without serial number/u],
  ['AKI with an empty issuer', withExtension(oid.aki, '300b800401020304a100820101'), /authorityKeyIdentifier: an empty list of names/u],
  [
    'SKI critical',
    (tbs) => {
      criticality(tbs, oid.ski, true);
    },
    /subjectKeyIdentifier: critical/u,
  ],
  ['SKI empty', withExtension(oid.ski, '0400'), /subjectKeyIdentifier: empty/u],

  ['no usage', withExtension(oid.ku, '030100', true), /keyUsage: no bit set/u],
  ['a usage of zeros', withExtension(oid.ku, '03020000', true), /keyUsage: no bit set/u],
  ['trailing zero bits', withExtension(oid.ku, '03020080', true), /trailing zero bits/u],
  ['a tenth usage', withExtension(oid.ku, '0303068040', true), /a bit that means nothing/u],
  [
    'keyUsage not critical',
    (tbs) => {
      criticality(tbs, oid.ku, false);
    },
    /keyUsage: not critical/u,
  ],
  ['keyCertSign in a leaf', withExtension(oid.ku, '03020284', true), /keyCertSign without cA/u],
  ['decipherOnly alone', withExtension(oid.ku, '0303078080', true), /without keyAgreement/u],
  ['encipherOnly alone', withExtension(oid.ku, '03020081', true), /without keyAgreement/u],
  ['key encipherment by a curve', withExtension(oid.ku, '030205a0', true), /keyEncipherment by a key of type EC/u],
  ['data encipherment by a curve', withExtension(oid.ku, '03020490', true), /dataEncipherment by a key of type EC/u],
  [
    'key agreement by Ed25519',
    (tbs) => {
      key(tbs, '1.3.101.112');
      put(tbs, oid.ku, '03020388', true);
    },
    /keyAgreement by a key of type Ed25519/u,
  ],
  [
    'key encipherment by Ed25519',
    (tbs) => {
      key(tbs, '1.3.101.112');
      put(tbs, oid.ku, '030205a0', true);
    },
    /keyEncipherment by a key of type Ed25519/u,
  ],
  [
    'key agreement by RSA',
    (tbs) => {
      key(tbs, '1.2.840.113549.1.1.1', '0500');
      put(tbs, oid.ku, '03020388', true);
    },
    /keyAgreement by a key of type RSA$/u,
  ],
  [
    'key encipherment by a key for PSS',
    (tbs) => {
      key(tbs, '1.2.840.113549.1.1.10');
      put(tbs, oid.ku, '030205a0', true);
    },
    /keyEncipherment by a key of type RSA-PSS/u,
  ],
  ['a purpose twice', withExtension(oid.eku, '301406082b0601050507030106082b06010505070301'), /a purpose twice/u],
  ['no purpose', withExtension(oid.eku, '3000'), /2\.5\.29\.37: breaks its own schema/u],
  ['any purpose, critical', withExtension(oid.eku, '30060604551d2500', true), /anyExtendedKeyUsage, and critical/u],
  ['a server that may only sign CRLs', purpose('01'), /serverAuth, and keyUsage forbids it/u],
  ['a client that may only encipher', purpose('02', '03020520'), /clientAuth, and keyUsage forbids it/u],
  ['code signing without signatures', purpose('03', '03020640'), /codeSigning, and keyUsage forbids it/u],
  ['mail by a key that may only encipher data', purpose('04', '03020410'), /emailProtection, and keyUsage forbids it/u],
  ['time stamps without signatures', purpose('08', '03020308'), /timeStamping, and keyUsage forbids it/u],
  ['OCSP signing without signatures', purpose('09', '03020308'), /OCSPSigning, and keyUsage forbids it/u],
  ['ocsp-nocheck critical', withExtension(oid.noCheck, '0500', true), /ocsp-nocheck: critical/u],
  ['ocsp-nocheck that is not NULL', withExtension(oid.noCheck, '3000'), /48\.1\.5: does not decode/u],
  ['pathLen in a leaf', withExtension(oid.bc, '3003020100', true), /pathLenConstraint without cA/u],
  ['a pathLen below zero', withExtension(oid.bc, '30060101ff0201ff', true), /2\.5\.29\.19: does not decode/u],

  ['an empty SAN', withExtension(oid.san, '3000'), /2\.5\.29\.17: breaks its own schema/u],
  [
    'a critical SAN',
    (tbs) => {
      criticality(tbs, oid.san, true);
    },
    /subjectAltName: critical beside a subject/u,
  ],
  ['an address of 5 octets', withExtension(oid.san, '300787050101010101'), /iPAddress of 5 octets/u],
  ...['a b', '', '-a.example', 'a-.example', 'a..b', 'a_b.example', 'a.*.example', `${'a'.repeat(64)}.example`, `${'a.'.repeat(127)}a`].map(
    (value): Row => [`the DNS name '${value}'`, withExtension(oid.san, seq(text('82', value))), /no dNSName/u],
  ),
  ['a DNS name that is not ASCII', withExtension(oid.san, seq(text('82', 'ä.example'))), /2\.5\.29\.17: does not decode/u],
  ...['a', '@a', 'a@', 'a@b@c', 'a b@c'].map((value): Row => [
    `the mailbox '${value}'`,
    withExtension(oid.san, seq(text('81', value))),
    /no mailbox/u,
  ]),
  ...['a', '1:a', 'http:///a', 'http://', 'http://a/ b', 'a:'].map((value): Row => [
    `the URI '${value}'`,
    withExtension(oid.san, seq(text('86', value))),
    /no absolute URI/u,
  ]),
  [
    'a directoryName in BMPString',
    withExtension(oid.san, seq(der('a4', name(attribute(types.commonName, '1e0400610062'))))),
    /subjectAltName: directoryName 2\.5\.4\.3: neither/u,
  ],
  ['an issuerAltName that is no host', withExtension(oid.ian, seq(text('82', 'a b'))), /issuerAltName: 'a b' is no dNSName/u],
  ['an empty issuerAltName', withExtension(oid.ian, '3000'), /2\.5\.29\.18: breaks its own schema/u],
  [
    'subjectDirectoryAttributes critical',
    withExtension(oid.directory, seq(seq('0603550403', der('31', '0c0161'))), true),
    /subjectDirectoryAttributes: critical/u,
  ],

  ['name constraints in a leaf', constraint(text('82', 'a')), /nameConstraints: not in a CA/u],
  ['name constraints, empty', withExtension(oid.nc, '3000', true), /nameConstraints: empty/u],
  ['name constraints, not critical', withExtension(oid.nc, seq(der('a0', seq(text('82', 'a'))))), /nameConstraints: not critical/u],
  ['name constraints with a minimum', constraint(text('82', 'a'), '800101'), /minimum or maximum set/u],
  ['name constraints with a maximum', constraint(text('82', 'a'), '810101'), /minimum or maximum set/u],
  ['an excluded address range of 4 octets', withExtension(oid.nc, seq(der('a1', seq('870401010101'))), true), /neither 8 nor 32 octets/u],
  ['an address range of holes', constraint('87080a000000ff00ff00'), /a mask with holes/u],
  ['an address range with bits too many', constraint('87080a000001ff000000'), /bits its mask has not/u],
  ['names below a dot', constraint(text('82', '.a.example')), /nameConstraints: '\.a\.example' is no domain/u],
  ['names below a star', constraint(text('82', '*.a.example')), /nameConstraints: '\*\.a\.example' is no domain/u],
  ['URIs below a URI', constraint(text('86', 'http://a.example/')), /is no host or domain/u],
  ['mail below nothing', constraint(text('81', '@')), /is no mailbox, host or domain/u],
  [
    'names below a directory name in BMPString',
    constraint(der('a4', name(attribute(types.commonName, '1e0400610062')))),
    /nameConstraints: directoryName 2\.5\.4\.3: neither/u,
  ],

  ['CRL points critical', withExtension(oid.cdp, point(fullName('http://a/')), true), /cRLDistributionPoints: critical/u],
  ['no CRL point', withExtension(oid.cdp, '3000'), /2\.5\.29\.31: breaks its own schema/u],
  ['a CRL point of reasons alone', withExtension(oid.cdp, '3006300481020780'), /a point that names nothing/u],
  ['a CRL point of no name', withExtension(oid.cdp, point('a002a000')), /cRLDistributionPoints: an empty list of names/u],
  ['a CRL point of a relative URI', withExtension(oid.cdp, point(fullName('a'))), /cRLDistributionPoints: 'a' is no absolute URI/u],
  [
    'a CRL point of a name below the issuer that is none',
    withExtension(oid.cdp, point(der('a0', der('a1', attribute(types.commonName, '1e0400610062'))))),
    /cRLDistributionPoints 2\.5\.4\.3: neither/u,
  ],
  [
    'a CRL issuer that is no host',
    withExtension(oid.cdp, point(der('a2', text('82', 'a b')))),
    /cRLDistributionPoints: cRLIssuer: 'a b' is no dNSName/u,
  ],
  [
    'CRL points for some reasons only',
    withExtension(oid.cdp, point(fullName('http://a/'), '81020640')),
    /cRLDistributionPoints: no point for all reasons/u,
  ],
  ['freshestCRL critical', withExtension(oid.freshest, point(fullName('http://a/')), true), /freshestCRL: critical/u],
  ['freshestCRL of a relative URI', withExtension(oid.freshest, point(fullName('a'))), /freshestCRL: 'a' is no absolute URI/u],
  ['AIA critical', withExtension(oid.aia, access('3001', text('86', 'http://a/')), true), /authorityInfoAccess: critical/u],
  ['no AIA', withExtension(oid.aia, '3000'), /1\.5\.5\.7\.1\.1: breaks its own schema|7\.1\.1: breaks its own schema/u],
  ['AIA with a relative URI', withExtension(oid.aia, access('3002', text('86', 'a'))), /authorityInfoAccess: 'a' is no absolute URI/u],
  [
    'a responder that is a host',
    withExtension(oid.aia, access('3001', text('82', 'a'))),
    /authorityInfoAccess: a responder that is not at an HTTP URI/u,
  ],
  [
    'a responder at LDAP',
    withExtension(oid.aia, access('3001', text('86', 'ldap://a/'))),
    /authorityInfoAccess: a responder that is not at an HTTP URI/u,
  ],
  ['SIA critical', withExtension(oid.sia, access('3005', text('86', 'http://a/')), true), /subjectInfoAccess: critical/u],
  ['SIA with a relative URI', withExtension(oid.sia, access('3005', text('86', 'a'))), /subjectInfoAccess: 'a' is no absolute URI/u],
  ['a policy twice', withExtension(oid.policies, '300c30040602290130040602 2901'), /a policy twice/u],
  ['no policy', withExtension(oid.policies, '3000'), /2\.5\.29\.32: breaks its own schema/u],
  ['any policy mapped to one', withExtension(oid.mappings, seq(seq('0604551d2000', '06022901'))), /policyMappings: anyPolicy/u],
  ['a policy mapped to any', withExtension(oid.mappings, seq(seq('06022901', '0604551d2000'))), /policyMappings: anyPolicy/u],
  ['policy constraints, empty', withExtension(oid.pc, '3000', true), /policyConstraints: empty/u],
  ['policy constraints, not critical', withExtension(oid.pc, '3003800100'), /policyConstraints: not critical/u],
  ['inhibitAnyPolicy not critical', withExtension(oid.inhibit, '020100'), /inhibitAnyPolicy: not critical/u],
  ['nsCertType with nothing', withExtension(oid.nsType, '03020000'), /nsCertType: no bit set/u],
  ['nsCertType of no octets', withExtension(oid.nsType, '030100'), /nsCertType: no bit set/u],
  ['nsComment in UTF-8', withExtension(oid.nsComment, '0c0161'), /113730\.1\.13: does not decode/u],
];

const authority: readonly Row[] = [
  [
    'no SKI',
    (tbs) => {
      drop(tbs, oid.ski);
    },
    /subjectKeyIdentifier: missing in a CA/u,
  ],
  [
    'no keyUsage',
    (tbs) => {
      drop(tbs, oid.ku);
    },
    /a CA without keyCertSign/u,
  ],
  ['a keyUsage for CRLs alone', withExtension(oid.ku, '03020102', true), /a CA without keyCertSign/u],
  [
    'basicConstraints not critical',
    (tbs) => {
      criticality(tbs, oid.bc, false);
    },
    /basicConstraints: not critical in a CA/u,
  ],
  ['an empty subject', subject(), /subject: empty in a CA/u],
  [
    'pathLen without keyCertSign',
    (tbs) => {
      put(tbs, oid.bc, '30060101ff020100', true);
      put(tbs, oid.ku, '03020102', true);
    },
    /pathLenConstraint without cA and keyCertSign/u,
  ],
  [
    'RSA without its NULL',
    (tbs) => {
      key(tbs, '1.2.840.113549.1.1.1');
    },
    /rsaEncryption without its NULL/u,
  ],
];

/** In the encoding: what a library does not write. */
const encoded: readonly (readonly [what: string, edit: (hex: string) => string, finding: RegExp])[] = [
  ['no certificate at all', () => '30030201', /^certificate: does not decode/u],
  ['octets after the certificate', (hex) => `${hex}00`, /^certificate: 1 octets after the end/u],
  ['a signature of half octets', (hex) => hex.replace(/0382010100(?=.{512}$)/u, '0382010104'), /signature: empty, or not whole octets/u],
  ['a notBefore in no month', (hex) => hex.replace(/(170d)(3\d3\d)3\d3\d/u, '$1$23133'), /notBefore: '.*' is not of the form/u],
  ['a notAfter in 1950', (hex) => hex.replace(/(170d(?:3\d){12}5a170d)(?:3\d){4}/u, '$135303031'), /ends before it begins/u],
  [
    'a notBefore without seconds',
    (hex) => hex.replace(/(301e170d(?:3\d){10})3\d3\d5a/u, '$12b3030'),
    /^certificate: breaks its own schema/u,
  ],
];

const mail = attribute(types.mail, text('16', 'a@b.example'));
/** Unusual, and right. */
const right: readonly (readonly [file: string, what: string, mutate: Mutate])[] = [
  [
    'root.der',
    'a root without an AKI',
    (tbs) => {
      drop(tbs, oid.aki);
    },
  ],
  [
    'root.der',
    'a CA with all it may have',
    (tbs) => {
      const bases = [
        text('82', ''),
        text('82', 'a.example'),
        text('86', '.a.example'),
        text('86', 'a.example'),
        text('81', 'a@b.example'),
        text('81', 'b.example'),
        text('81', '.b.example'),
        der('a4', name(attribute(types.commonName, '0c0161'))),
        '87080a000000ff000000',
        `8720${'20010db8'.padEnd(32, '0')}${'f'.repeat(32)}`,
      ];
      put(tbs, oid.bc, '30060101ff020100', true);
      put(tbs, oid.nc, seq(der('a0', ...bases.map((base) => seq(base))), der('a1', seq(text('82', 'b.example')))), true);
      put(
        tbs,
        oid.cdp,
        seq(
          seq(fullName('http://a/')),
          seq(fullName('ldap:///cn=a?b'), '81020640'),
          seq(
            der('a0', der('a1', attribute(types.commonName, '0c0161'))),
            der('a2', der('a4', name(attribute(types.commonName, '0c0161')))),
          ),
        ),
      );
      put(
        tbs,
        oid.aia,
        seq(
          seq('06082b06010505073001', text('86', 'http://a/')),
          seq('06082b06010505073001', text('86', 'https://a/')),
          seq('06082b06010505073002', text('86', 'ldap://a/')),
        ),
      );
      put(tbs, oid.sia, access('3005', text('86', 'http://a/')));
      put(tbs, oid.policies, seq(seq('06022901'), seq('06022902')));
      put(tbs, oid.mappings, seq(seq('06022901', '06022902')), true);
      put(tbs, oid.pc, '3003800100', true);
      put(tbs, oid.inhibit, '020100', true);
      put(tbs, oid.nsType, '03020007');
      put(tbs, oid.nsComment, '160161');
    },
  ],
  ['leaf.der', 'a signature by PSS', pss(pssParameters())],
  [
    'leaf.der',
    'a time after 2049',
    (tbs) => {
      tbs.validity.notAfter = new Time(new Date('2050-01-01T00:00:00Z'));
    },
  ],
  [
    'leaf.der',
    'no time at all',
    (tbs) => {
      tbs.validity.notAfter = tbs.validity.notBefore;
    },
  ],
  [
    'leaf.der',
    'a serial of 20 octets',
    (tbs) => {
      tbs.serialNumber = bytes(`7f${'ff'.repeat(19)}`).buffer;
    },
  ],
  ['leaf.der', 'the last of the usages', withExtension(oid.ku, '0303070880', true)],
  ['leaf.der', 'a purpose of somebody else', withExtension(oid.eku, seq('06032a0304'))],
  [
    'leaf.der',
    'any purpose',
    (tbs) => {
      drop(tbs, oid.ku);
      put(tbs, oid.eku, '30060604551d2500');
    },
  ],
  [
    'leaf.der',
    'an AKI by name and number',
    withExtension(oid.aki, seq('800101', der('a1', der('a4', name(attribute(types.commonName, '0c0161')))), '820101')),
  ],
  [
    'leaf.der',
    'a mail address',
    (tbs) => {
      tbs.subject = named(name(mail));
      put(tbs, oid.san, seq(text('81', 'c@b.example'), text('81', 'a@b.example')));
    },
  ],
  [
    'leaf.der',
    'no subject',
    (tbs) => {
      tbs.subject = named(name());
      criticality(tbs, oid.san, true);
    },
  ],
  ['leaf.der', 'a CRL point of its own', withExtension(oid.freshest, point(fullName('http://a/')))],
  [
    'leaf.der',
    'names of all kinds',
    withExtension(
      oid.san,
      seq(
        ...['*.a.example', `${'a'.repeat(63)}.b-c.1.example`, 'a'].map((each) => text('82', each)),
        ...['urn:a', 'spiffe://a/b', 'http://[::1]/', 'a+b.c-1:x'].map((each) => text('86', each)),
        `8710${'00'.repeat(16)}`,
        der('a4', name(attribute(types.commonName, '0c0161'))),
      ),
    ),
  ],
];

/** A certificate of material.ts with something done to it. */
export function mutated(der: Uint8Array, mutate: Mutate): Uint8Array {
  const certificate = AsnConvert.parse(der, Certificate);
  delete certificate.tbsCertificateRaw;
  mutate(certificate.tbsCertificate, certificate);
  return new Uint8Array(AsnConvert.serialize(certificate));
}

/** One a responder may not have: it is not allowed to sign answers. */
export const withoutPurpose = (der: Uint8Array): Uint8Array =>
  mutated(der, (tbs) => {
    drop(tbs, oid.eku);
  });
export const withoutCriticalUsage = (der: Uint8Array): Uint8Array =>
  mutated(der, (tbs) => {
    criticality(tbs, oid.ku, false);
  });
export const withJunkPurposes = (der: Uint8Array): Uint8Array =>
  mutated(der, (tbs) => {
    put(tbs, oid.eku, '0500');
  });

const of =
  (file: string) =>
  ([what, mutate, finding]: Row): Mutation => ({
    kind: 'certificate',
    what: `${what} (${file})`,
    make: (files) => mutated(files(file), mutate),
    finding,
  });

export const certificateMutations: readonly Mutation[] = [
  ...leaf.map(of('leaf.der')),
  ...authority.map(of('root.der')),
  ...encoded.map(([what, edit, finding]): Mutation => ({
    kind: 'certificate',
    what,
    make: (files) => bytes(edit(hexOf(files('leaf.der')))),
    finding,
  })),
];

export const certificateSamples: readonly Sample[] = right.map(([file, what, mutate]) => ({
  kind: 'certificate',
  what,
  make: (files) => mutated(files(file), mutate),
}));
