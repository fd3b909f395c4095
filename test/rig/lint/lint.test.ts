import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Certificate, CertificateList, Extension, Extensions, Name, RelativeDistinguishedName, Time, Version } from '@peculiar/asn1-x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { privateDirectory, type PrivateDirectory } from '../directory.js';
import { lintByRules, lintCertificate, lintCrl, lintOcsp } from './lint.js';
import { authorityFiles } from './material.js';

let directory: PrivateDirectory;
let files: (name: string) => Buffer;

beforeAll(() => {
  directory = privateDirectory('lint-');
  files = authorityFiles(directory.path);
});

afterAll(() => { directory.remove(); });

const oid = { aki: '2.5.29.35', ski: '2.5.29.14', ku: '2.5.29.15', bc: '2.5.29.19', nc: '2.5.29.30', san: '2.5.29.17', eku: '2.5.29.37', cdp: '2.5.29.31', aia: '1.3.6.1.5.5.7.1.1', policies: '2.5.29.32', pc: '2.5.29.36', nsType: '2.16.840.1.113730.1.1', number: '2.5.29.20', reason: '2.5.29.21' };
const bytes = (hex: string): ArrayBuffer => new Uint8Array(Buffer.from(hex.replace(/\s/gu, ''), 'hex')).buffer;

type Tbs = Certificate['tbsCertificate'];
const put = (tbs: Tbs, id: string, value: string, critical = false) => {
  tbs.extensions = new Extensions([...Array.from(tbs.extensions ?? new Extensions()).filter(({ extnID }) => extnID !== id), new Extension({ extnID: id, critical, extnValue: new OctetString(bytes(value)) })]);
};
const drop = (tbs: Tbs, id: string) => { tbs.extensions = new Extensions(Array.from(tbs.extensions ?? new Extensions()).filter(({ extnID }) => extnID !== id)); };
const criticality = (tbs: Tbs, id: string, critical: boolean) => { tbs.extensions!.find(({ extnID }) => extnID === id)!.critical = critical; };
const attribute = (type: string, value: string) => `30${length(type, value)}${type}${value}`;
const length = (...parts: string[]) => (parts.join('').length / 2).toString(16).padStart(2, '0');
const nameOf = (...attributes: string[]) => {
  const sets = attributes.map((each) => `31${length(each)}${each}`).join('');
  return AsnConvert.parse(bytes(`30${length(sets)}${sets}`), Name);
};
const [commonName, country, mail] = ['0603550403', '0603550406', '06092a864886f70d010901'];

/** What is done to a certificate that is clean, and what must be said of it. */
const leafMutations: readonly [what: string, mutate: (tbs: Tbs, whole: Certificate) => void, finding: RegExp][] = [
  ['another inner algorithm', (tbs) => { tbs.signature = new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.12', parameters: null }); }, /not the one in the tbsCertificate/u],
  ['RSA signature parameters absent', (tbs, whole) => { tbs.signature = whole.signatureAlgorithm = new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.11' }); }, /RSA parameters that are not NULL/u],
  ['SHA-1', (tbs, whole) => { tbs.signature = whole.signatureAlgorithm = new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.5', parameters: null }); }, /broken digest/u],
  ['ECDSA with parameters', (tbs, whole) => { tbs.signature = whole.signatureAlgorithm = new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2', parameters: null }); }, /with parameters/u],
  ['serial 0', (tbs) => { tbs.serialNumber = bytes('00'); }, /serialNumber: not positive/u],
  ['a negative serial', (tbs) => { tbs.serialNumber = bytes('ff'); }, /serialNumber: not positive/u],
  ['a serial of 21 octets', (tbs) => { tbs.serialNumber = bytes(`00${'ff'.repeat(20)}`); }, /longer than 20 octets/u],
  ['version 1', (tbs) => { tbs.version = Version.v1; }, /not version 3/u],
  ['GeneralizedTime too early', (tbs) => { tbs.validity.notBefore = Object.assign(new Time(), { utcTime: undefined, generalTime: new Date('2026-01-01T00:00:00Z') }); }, /GeneralizedTime before 2050/u],
  ['notBefore after notAfter', (tbs) => { tbs.validity.notBefore = new Time(new Date('2049-01-01T00:00:00Z')); }, /ends before it begins/u],
  ['an empty issuer', (tbs) => { tbs.issuer = nameOf(); }, /issuer: empty/u],
  ['an empty subject', (tbs) => { tbs.subject = nameOf(); }, /subjectAltName: not critical, and the subject is empty/u],
  ['an empty RDN', (tbs) => { tbs.subject.push(new RelativeDistinguishedName()); }, /^certificate: breaks its own schema/mu],
  ['a common name of 65 characters', (tbs) => { tbs.subject = nameOf(attribute(commonName, `0c41${'61'.repeat(65)}`)); }, /subject 2\.5\.4\.3: does not decode/u],
  ['a common name in BMPString', (tbs) => { tbs.subject = nameOf(attribute(commonName, '1e0400610062')); }, /neither PrintableString nor UTF8String/u],
  ['an @ in PrintableString', (tbs) => { tbs.subject = nameOf(attribute(commonName, '13026140')); }, /is no PrintableString/u],
  ['an empty domain component', (tbs) => { tbs.subject = nameOf(attribute('060a0992268993f22c640119', '1600')); }, /0\.9\.2342\.19200300\.100\.1\.25: empty/u],
  ['a country in UTF-8', (tbs) => { tbs.subject = nameOf(attribute(country, '0c024445')); }, /2\.5\.4\.6: does not decode/u],
  ['a country that is none', (tbs) => { tbs.subject = nameOf(attribute(country, '13026465')); }, /no country of ISO 3166/u],
  ['a mail address in UTF-8', (tbs) => { tbs.subject = nameOf(attribute(mail, '0c03614062')); }, /1\.2\.840\.113549\.1\.9\.1: does not decode/u],
  ['a unique identifier', (tbs) => { tbs.issuerUniqueID = bytes('00'); }, /a unique identifier/u],
  ['no extensions', (tbs) => { delete tbs.extensions; }, /no extensions/u],
  ['an empty list of extensions', (tbs) => { tbs.extensions = new Extensions(); }, /an empty list of extensions/u],
  ['an extension twice', (tbs) => { tbs.extensions = new Extensions([...tbs.extensions!, tbs.extensions![0]!]); }, /twice/u],
  ['an unknown extension', (tbs) => { put(tbs, '1.2.3.4', '0500'); }, /extension 1\.2\.3\.4, which is not known/u],
  ['a known extension that is junk', (tbs) => { put(tbs, oid.ku, '0500', true); }, /extension 2\.5\.29\.15: does not decode/u],
  ['octets after an extension', (tbs) => { put(tbs, oid.ku, '03020780 00', true); }, /octets after the end/u],
  ['cA FALSE written out', (tbs) => { put(tbs, oid.bc, '3003010100', true); }, /2\.5\.29\.19: is not DER/u],
  ['TRUE as 01', (tbs) => { put(tbs, oid.bc, '3003010101', true); }, /2\.5\.29\.19: is not DER/u],
  ['a length too long', (tbs) => { put(tbs, oid.ski, `048114${'aa'.repeat(20)}`); }, /2\.5\.29\.14: is not DER/u],
  ['no AKI', (tbs) => { drop(tbs, oid.aki); }, /authorityKeyIdentifier: missing/u],
  ['AKI critical', (tbs) => { criticality(tbs, oid.aki, true); }, /authorityKeyIdentifier: critical/u],
  ['AKI empty', (tbs) => { put(tbs, oid.aki, '3000'); }, /no keyIdentifier/u],
  ['AKI with a serial alone', (tbs) => { put(tbs, oid.aki, '3003820101'); }, /issuer without serial number/u],
  ['SKI critical', (tbs) => { criticality(tbs, oid.ski, true); }, /subjectKeyIdentifier: critical/u],
  ['SKI empty', (tbs) => { put(tbs, oid.ski, '0400'); }, /subjectKeyIdentifier: empty/u],
  ['no usage', (tbs) => { put(tbs, oid.ku, '030100', true); }, /keyUsage: no bit set/u],
  ['trailing zero bits', (tbs) => { put(tbs, oid.ku, '03020080', true); }, /trailing zero bits/u],
  ['keyUsage not critical', (tbs) => { criticality(tbs, oid.ku, false); }, /keyUsage: not critical/u],
  ['keyCertSign in a leaf', (tbs) => { put(tbs, oid.ku, '03020284', true); }, /keyCertSign without cA/u],
  ['decipherOnly alone', (tbs) => { put(tbs, oid.ku, '0303078080', true); }, /without keyAgreement/u],
  ['encipherment by a curve', (tbs) => { put(tbs, oid.ku, '030205a0', true); }, /encipherment by a key of type EC/u],
  ['pathLen in a leaf', (tbs) => { put(tbs, oid.bc, '3003020100', true); }, /pathLenConstraint without cA/u],
  ['an empty SAN', (tbs) => { put(tbs, oid.san, '3000'); }, /2\.5\.29\.17: breaks its own schema/u],
  ['an address of 5 octets', (tbs) => { put(tbs, oid.san, '300787050101010101'); }, /iPAddress of 5 octets/u],
  ['a DNS name with a blank', (tbs) => { put(tbs, oid.san, '30058203612062'); }, /no dNSName/u],
  ['a mailbox without @', (tbs) => { put(tbs, oid.san, '3003810161'); }, /no mailbox/u],
  ['a relative URI', (tbs) => { put(tbs, oid.san, '3003860161'); }, /no absolute URI/u],
  ['a critical SAN', (tbs) => { criticality(tbs, oid.san, true); }, /subjectAltName: critical beside a subject/u],
  ['name constraints in a leaf', (tbs) => { put(tbs, oid.nc, '3007a0053003820161', true); }, /nameConstraints: not in a CA/u],
  ['name constraints, empty', (tbs) => { put(tbs, oid.nc, '3000', true); }, /nameConstraints: empty/u],
  ['name constraints, not critical', (tbs) => { put(tbs, oid.nc, '3007a0053003820161'); }, /nameConstraints: not critical/u],
  ['an address range of 4 octets', (tbs) => { put(tbs, oid.nc, '300aa0083006870401010101', true); }, /neither 8 nor 32 octets/u],
  ['no purpose', (tbs) => { put(tbs, oid.eku, '3000'); }, /2\.5\.29\.37: breaks its own schema/u],
  ['a purpose twice', (tbs) => { put(tbs, oid.eku, '301406082b0601050507030106082b06010505070301'); }, /a purpose twice/u],
  ['any purpose, critical', (tbs) => { put(tbs, oid.eku, '30060604551d2500', true); }, /anyExtendedKeyUsage, and critical/u],
  ['OCSP signing without signatures', (tbs) => { put(tbs, oid.ku, '03020308', true); put(tbs, oid.eku, '300a06082b06010505070309'); }, /OCSPSigning, and keyUsage forbids it/u],
  ['a server that may only sign CRLs', (tbs) => { put(tbs, oid.ku, '03020102', true); }, /serverAuth, and keyUsage forbids it/u],
  ['a client that may only encipher', (tbs) => { put(tbs, oid.ku, '03020520', true); put(tbs, oid.eku, '300a06082b06010505070302'); }, /clientAuth, and keyUsage forbids it/u],
  ['a CRL point of reasons alone', (tbs) => { put(tbs, oid.cdp, '3006300481020780'); }, /a point that names nothing/u],
  ['CRL points critical', (tbs) => { put(tbs, oid.cdp, '300b3009a007a00586036c3a2f', true); }, /cRLDistributionPoints: critical/u],
  ['AIA critical', (tbs) => { put(tbs, oid.aia, '3011300f06082b060105050730018603683a2f', true); }, /authorityInfoAccess: critical/u],
  ['a policy twice', (tbs) => { put(tbs, oid.policies, '300c30040602290130040602 2901'); }, /a policy twice/u],
  ['policy constraints, empty and not critical', (tbs) => { put(tbs, oid.pc, '3000'); }, /policyConstraints: (?:not critical|empty)/u],
  ['no subject and no SAN', (tbs) => { tbs.subject = nameOf(); drop(tbs, oid.san); }, /subject: empty, and no subjectAltName/u],
  ['an attribute nobody knows', (tbs) => { tbs.subject = nameOf(attribute('0603550463', '0c0161')); }, /attribute 2\.5\.4\.99, which is not known/u],
  ['AKI with an empty issuer', (tbs) => { put(tbs, oid.aki, '300b800401020304a100820101'); }, /authorityKeyIdentifier: an empty list of names/u],
  ['an empty issuerAltName', (tbs) => { put(tbs, '2.5.29.18', '3000'); }, /2\.5\.29\.18: breaks its own schema/u],
  ['name constraints with a minimum', (tbs) => { put(tbs, oid.nc, '300aa0083006820161800101', true); }, /minimum or maximum set/u],
  ['no CRL point', (tbs) => { put(tbs, oid.cdp, '3000'); }, /2\.5\.29\.31: breaks its own schema/u],
  ['a CRL point of no name', (tbs) => { put(tbs, oid.cdp, '30063004a002a000'); }, /cRLDistributionPoints: an empty list of names/u],
  ['AIA with a relative URI', (tbs) => { put(tbs, oid.aia, '300f300d06082b06010505073001860161'); }, /authorityInfoAccess: 'a' is no absolute URI/u],
  ['no policy', (tbs) => { put(tbs, oid.policies, '3000'); }, /2\.5\.29\.32: breaks its own schema/u],
  ['inhibitAnyPolicy not critical', (tbs) => { put(tbs, '2.5.29.54', '020100'); }, /inhibitAnyPolicy: not critical/u],
  ['SIA critical', (tbs) => { put(tbs, '1.3.6.1.5.5.7.1.11', '3011300f06082b060105050730058603683a2f', true); }, /subjectInfoAccess: critical/u],
  ['PSS without parameters', (tbs, whole) => { tbs.signature = whole.signatureAlgorithm = new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.10' }); }, /RSASSA-PSS without parameters/u],
  ['a compressed point', (tbs) => { tbs.subjectPublicKeyInfo.subjectPublicKey = bytes(`02${'11'.repeat(32)}`); }, /the point is not uncompressed/u],
  ['a curve that is not named', (tbs) => { tbs.subjectPublicKeyInfo.algorithm = new AlgorithmIdentifier({ algorithm: '1.2.840.10045.2.1', parameters: bytes('3000') }); }, /the curve: does not decode/u],
  ['Ed25519 with parameters', (tbs) => { tbs.subjectPublicKeyInfo.algorithm = new AlgorithmIdentifier({ algorithm: '1.3.101.112', parameters: null }); }, /Ed25519 with parameters/u],
  ['key agreement by Ed25519', (tbs) => { tbs.subjectPublicKeyInfo.algorithm = new AlgorithmIdentifier({ algorithm: '1.3.101.112' }); put(tbs, oid.ku, '03020388', true); }, /keyAgreement by an Ed25519 key/u],
  ['nsCertType with nothing', (tbs) => { put(tbs, oid.nsType, '03020000'); }, /nsCertType: no bit set/u],
];

const caMutations: readonly [what: string, mutate: (tbs: Tbs) => void, finding: RegExp][] = [
  ['no SKI', (tbs) => { drop(tbs, oid.ski); }, /subjectKeyIdentifier: missing in a CA/u],
  ['no keyUsage', (tbs) => { drop(tbs, oid.ku); }, /a CA without keyCertSign/u],
  ['basicConstraints not critical', (tbs) => { criticality(tbs, oid.bc, false); }, /basicConstraints: not critical in a CA/u],
  ['an empty subject', (tbs) => { tbs.subject = nameOf(); }, /subject: empty in a CA/u],
  ['pathLen without keyCertSign', (tbs) => { put(tbs, oid.bc, '30060101ff020100', true); put(tbs, oid.ku, '03020102', true); }, /pathLenConstraint without cA and keyCertSign/u],
  ['RSA without its NULL', (tbs) => { tbs.subjectPublicKeyInfo.algorithm = new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.1' }); }, /rsaEncryption without its NULL/u],
];

const mutated = (file: string, mutate: (tbs: Tbs, whole: Certificate) => void): Uint8Array => {
  const certificate = AsnConvert.parse(files(file), Certificate);
  delete certificate.tbsCertificateRaw;
  mutate(certificate.tbsCertificate, certificate);
  return new Uint8Array(AsnConvert.serialize(certificate));
};

describe('the linter of certificates', () => {
  it.each(['root.der', 'leaf.der', 'responder.der'])('has nothing against %s', async (file) => {
    expect(await lintCertificate(files(file), files('root.pem').toString())).toEqual([]);
  });

  it.each(leafMutations)('finds in a leaf: %s', async (_, mutate, finding) => {
    expect((await lintByRules('certificate', mutated('leaf.der', mutate))).join('\n')).toMatch(finding);
  });

  it.each(caMutations)('finds in a CA: %s', async (_, mutate, finding) => {
    expect((await lintByRules('certificate', mutated('root.der', mutate))).join('\n')).toMatch(finding);
  });

  it('gives the verdicts of the others too', async () => {
    const root = mutated('root.der', (tbs) => { criticality(tbs, oid.bc, false); });
    expect((await lintCertificate(files('leaf.der'), root)).join('\n')).toMatch(/^openssl: .*Basic Constraints of CA cert not marked critical/mu);
    const junk = (await lintCertificate(Buffer.from('30030201', 'hex'))).join('\n');
    for (const judge of [/^certificate: does not decode/mu, /^certtool: /mu, /^python-cryptography: /mu]) expect(junk).toMatch(judge);
  });
});

type TbsCrl = CertificateList['tbsCertList'];

const crlMutations: readonly [what: string, mutate: (tbs: TbsCrl, whole: CertificateList) => void, finding: RegExp][] = [
  ['no version', (tbs) => { delete tbs.version; }, /version: not v2/u],
  ['another inner algorithm', (tbs) => { tbs.signature = new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.12', parameters: null }); }, /not the one in the tbsCertList/u],
  ['an empty issuer', (tbs) => { tbs.issuer = nameOf(); }, /issuer: empty/u],
  ['no nextUpdate', (tbs) => { delete tbs.nextUpdate; }, /nextUpdate: missing/u],
  ['nextUpdate too early', (tbs) => { tbs.nextUpdate = new Time(new Date('2001-01-01T00:00:00Z')); }, /nextUpdate: not after thisUpdate/u],
  ['no extensions', (tbs) => { delete tbs.crlExtensions; }, /neither authorityKeyIdentifier nor cRLNumber/u],
  ['no number', (tbs) => { tbs.crlExtensions = tbs.crlExtensions!.filter(({ extnID }) => extnID !== oid.number); }, /cRLNumber: missing/u],
  ['no AKI', (tbs) => { tbs.crlExtensions = tbs.crlExtensions!.filter(({ extnID }) => extnID !== oid.aki); }, /authorityKeyIdentifier: missing/u],
  ['a critical number', (tbs) => { tbs.crlExtensions!.find(({ extnID }) => extnID === oid.number)!.critical = true; }, /extension 2\.5\.29\.20 critical/u],
  ['a negative number', (tbs) => { tbs.crlExtensions!.find(({ extnID }) => extnID === oid.number)!.extnValue = new OctetString(bytes('0201ff')); }, /cRLNumber: negative/u],
  ['a number of 21 octets', (tbs) => { tbs.crlExtensions!.find(({ extnID }) => extnID === oid.number)!.extnValue = new OctetString(bytes(`021500${'ff'.repeat(20)}`)); }, /longer than 20 octets/u],
  ['an empty list', (tbs) => { tbs.revokedCertificates = []; }, /there and empty/u],
  ['an entry twice', (tbs) => { tbs.revokedCertificates = [...tbs.revokedCertificates!, ...tbs.revokedCertificates!]; }, /: twice/u],
  ['serial 0', (tbs) => { tbs.revokedCertificates![0]!.userCertificate = bytes('00'); }, /entry 0: not positive/u],
  ['reason unspecified', (tbs) => { tbs.revokedCertificates![0]!.crlEntryExtensions = [new Extension({ extnID: oid.reason, critical: false, extnValue: new OctetString(bytes('0a0100')) })]; }, /reasonCode unspecified/u],
  ['reason removeFromCRL', (tbs) => { tbs.revokedCertificates![0]!.crlEntryExtensions = [new Extension({ extnID: oid.reason, critical: false, extnValue: new OctetString(bytes('0a0108')) })]; }, /removeFromCRL in a full CRL/u],
  ['reason 7', (tbs) => { tbs.revokedCertificates![0]!.crlEntryExtensions = [new Extension({ extnID: oid.reason, critical: false, extnValue: new OctetString(bytes('0a0107')) })]; }, /python-cryptography: .*reason code: 7/u],
  ['a critical reason', (tbs) => { tbs.revokedCertificates![0]!.crlEntryExtensions![0]!.critical = true; }, /extension 2\.5\.29\.21 critical/u],
];

describe('the linter of CRLs', () => {
  it("has nothing against openssl's", async () => {
    expect(await lintCrl(files('crl.der'))).toEqual([]);
    expect(await lintCrl(files('crl.pem').toString())).toEqual([]);
  });

  it.each(crlMutations)('finds: %s', async (_, mutate, finding) => {
    const crl = AsnConvert.parse(files('crl.der'), CertificateList);
    delete crl.tbsCertListRaw;
    mutate(crl.tbsCertList, crl);
    expect((await lintByRules('crl', new Uint8Array(AsnConvert.serialize(crl)))).join('\n')).toMatch(finding);
  });
});

describe('the linter of OCSP responses', () => {
  const changed = (from: string, to: string): Buffer => {
    const text = files('response.der').toString('latin1');
    const [old, now] = [Buffer.from(from, 'hex').toString('latin1'), Buffer.from(to, 'hex').toString('latin1')];
    expect(text).toContain(old);
    return Buffer.from(text.replace(old, now), 'latin1');
  };
  const nonce = '2b0601050507300102';

  it("has nothing against openssl's", async () => {
    expect(await lintOcsp(files('response.der'))).toEqual([]);
  });

  it.each([
    ['a status of failure with an answer', '0a0100', '0a0101', /there without success/u],
    ['another type of response', '2b0601050507300101', '2b0601050507300103', /not id-pkix-ocsp-basic/u],
    ['a producedAt with another zone', '5a30', '5830', /basic response: breaks its own schema/u],
    ['a digest that does not fit its hashes', '2b0e03021a', '2b0e03021b', /hashes that are not of their algorithm/u],
    ['an extension nobody knows', nonce, '2b060105050730017f', /is not known here/u],
    ['a certificate with a fault', '0603551d0f0101ff', '0603551d0f010100', /basic response: is not DER/u],
  ] as const)('finds: %s', async (_, from, to, finding) => {
    expect((await lintByRules('ocsp', changed(from, to))).join('\n')).toMatch(finding);
  });
});
