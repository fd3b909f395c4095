import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, CertificateList, Extension, Name, Time, Version } from '@peculiar/asn1-x509';
import { attribute, bytes, der, hexOf, moment, name, seq, text, types } from './hex.js';
import type { Mutation, Sample } from './mutation.js';

type Tbs = CertificateList['tbsCertList'];
type Mutate = (tbs: Tbs, whole: CertificateList) => void;

const oid = {
  aki: '2.5.29.35',
  number: '2.5.29.20',
  delta: '2.5.29.27',
  idp: '2.5.29.28',
  reason: '2.5.29.21',
  invalidity: '2.5.29.24',
  issuer: '2.5.29.29',
} as const;

const extension = (extnID: string, value: string, critical = false) =>
  new Extension({ extnID, critical, extnValue: new OctetString(bytes(value)) });
const put =
  (id: string, value: string, critical = false): Mutate =>
  (tbs) => {
    tbs.crlExtensions = [...tbs.crlExtensions!.filter(({ extnID }) => extnID !== id), extension(id, value, critical)];
  };
const drop =
  (id: string): Mutate =>
  (tbs) => {
    tbs.crlExtensions = tbs.crlExtensions!.filter(({ extnID }) => extnID !== id);
  };
const critical =
  (id: string): Mutate =>
  (tbs) => {
    tbs.crlExtensions!.find(({ extnID }) => extnID === id)!.critical = true;
  };
const entry =
  (...extensions: readonly Extension[]): Mutate =>
  (tbs) => {
    tbs.revokedCertificates![0]!.crlEntryExtensions = [...extensions];
  };
const issuer =
  (hex: string): Mutate =>
  (tbs) => {
    tbs.issuer = AsnConvert.parse(bytes(hex), Name);
  };
const early = () => Object.assign(new Time(), { utcTime: undefined, generalTime: new Date('2026-01-01T00:00:00Z') });
const bmp = attribute(types.commonName, '1e0400610062');

const rows: readonly (readonly [what: string, mutate: Mutate, finding: RegExp])[] = [
  [
    'no version',
    (tbs) => {
      delete tbs.version;
    },
    /version: not v2/u,
  ],
  [
    'version 1',
    (tbs) => {
      tbs.version = Version.v1;
    },
    /version: not v2/u,
  ],
  [
    'another inner algorithm',
    (tbs) => {
      tbs.signature = new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.12', parameters: null });
    },
    /not the one in the tbsCertList/u,
  ],
  [
    'RSA signature parameters absent',
    (tbs, whole) => {
      tbs.signature = whole.signatureAlgorithm = new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.11' });
    },
    /RSA parameters that are not NULL/u,
  ],
  [
    'an empty signature',
    (_, whole) => {
      whole.signature = new ArrayBuffer(0);
    },
    /signature: empty/u,
  ],
  ['an empty issuer', issuer('3000'), /issuer: empty/u],
  ['an issuer in BMPString', issuer(name(bmp)), /issuer 2\.5\.4\.3: neither/u],
  [
    'thisUpdate a GeneralizedTime too early',
    (tbs) => {
      tbs.thisUpdate = early();
    },
    /thisUpdate: GeneralizedTime before 2050/u,
  ],
  [
    'nextUpdate a GeneralizedTime too early',
    (tbs) => {
      tbs.nextUpdate = early();
    },
    /nextUpdate: GeneralizedTime before 2050/u,
  ],
  [
    'no nextUpdate',
    (tbs) => {
      delete tbs.nextUpdate;
    },
    /nextUpdate: missing/u,
  ],
  [
    'nextUpdate too early',
    (tbs) => {
      tbs.nextUpdate = new Time(new Date('2001-01-01T00:00:00Z'));
    },
    /nextUpdate: not after thisUpdate/u,
  ],
  [
    'nextUpdate at thisUpdate',
    (tbs) => {
      tbs.nextUpdate = tbs.thisUpdate;
    },
    /nextUpdate: not after thisUpdate/u,
  ],
  [
    'no extensions',
    (tbs) => {
      delete tbs.crlExtensions;
    },
    /neither authorityKeyIdentifier nor cRLNumber/u,
  ],
  [
    'an empty list of extensions',
    (tbs) => {
      tbs.crlExtensions = [];
    },
    /CRL: an empty list of extensions/u,
  ],
  [
    'an extension twice',
    (tbs) => {
      tbs.crlExtensions = [...tbs.crlExtensions!, ...tbs.crlExtensions!];
    },
    /CRL: extension .* twice/u,
  ],
  ['an unknown extension', put('1.2.3.4', '0500'), /CRL: extension 1\.2\.3\.4, which does not belong here/u],
  ['a delta CRL', put(oid.delta, '020101', true), /CRL: extension 2\.5\.29\.27, which does not belong here/u],
  ['no number', drop(oid.number), /cRLNumber: missing/u],
  ['no AKI', drop(oid.aki), /authorityKeyIdentifier: missing/u],
  ['a critical number', critical(oid.number), /extension 2\.5\.29\.20 critical/u],
  ['a critical AKI', critical(oid.aki), /extension 2\.5\.29\.35 critical/u],
  ['an AKI of nothing', put(oid.aki, '3000'), /authorityKeyIdentifier: no keyIdentifier/u],
  ['an AKI with a serial alone', put(oid.aki, '3003820101'), /issuer without serial number/u],
  ['a number that is none', put(oid.number, '0500'), /CRL: extension 2\.5\.29\.20: does not decode/u],
  ['a negative number', put(oid.number, '0201ff'), /cRLNumber: negative/u],
  ['a number of 21 octets', put(oid.number, `021500${'ff'.repeat(20)}`), /cRLNumber: .*longer than 20 octets/u],
  ['a scope not critical', put(oid.idp, '30038101ff'), /extension 2\.5\.29\.28 not critical/u],
  ['a scope of nothing', put(oid.idp, '3000', true), /issuingDistributionPoint: says nothing/u],
  ['a scope of two kinds', put(oid.idp, '30068101ff8201ff', true), /more than one of the kinds/u],
  ['an indirect CRL', put(oid.idp, '30038401ff', true), /an indirect CRL/u],
  [
    'a scope of a relative URI',
    put(oid.idp, seq(der('a0', der('a0', text('86', 'a')))), true),
    /issuingDistributionPoint: 'a' is no absolute URI/u,
  ],
  [
    'an empty list',
    (tbs) => {
      tbs.revokedCertificates = [];
    },
    /there and empty/u,
  ],
  [
    'an entry twice',
    (tbs) => {
      tbs.revokedCertificates = [...tbs.revokedCertificates!, ...tbs.revokedCertificates!];
    },
    /: twice/u,
  ],
  [
    'serial 0',
    (tbs) => {
      tbs.revokedCertificates![0]!.userCertificate = bytes('00').buffer;
    },
    /entry 0: not positive/u,
  ],
  [
    'a revocation at a GeneralizedTime too early',
    (tbs) => {
      tbs.revokedCertificates![0]!.revocationDate = early();
    },
    /^entry .*: GeneralizedTime before 2050/u,
  ],
  ['an empty list of extensions of an entry', entry(), /^entry .*: an empty list of extensions/u],
  ...([0, 7, 8, 11] as const).map(
    (code) =>
      [
        `reason ${String(code)}`,
        entry(extension(oid.reason, `0a010${code.toString(16)}`)),
        new RegExp(`^entry .*: reasonCode ${String(code)},`, 'u'),
      ] as const,
  ),
  ['a critical reason', entry(extension(oid.reason, '0a0101', true)), /^entry .*: extension 2\.5\.29\.21 critical/u],
  ['a reason that is none', entry(extension(oid.reason, '0500')), /^entry .*: extension 2\.5\.29\.21: does not decode/u],
  [
    'a critical invalidity date',
    entry(extension(oid.invalidity, moment('20260101000000Z'), true)),
    /^entry .*: extension 2\.5\.29\.24 critical/u,
  ],
  [
    'an invalidity date with a fraction',
    entry(extension(oid.invalidity, moment('20260101000000.5Z'))),
    /^entry .*: invalidityDate: '.*' is not of the form/u,
  ],
  [
    'an entry of another issuer',
    entry(extension(oid.issuer, seq(text('82', 'a')), true)),
    /^entry .*: extension 2\.5\.29\.29, which does not belong here/u,
  ],
];

const encoded: readonly (readonly [what: string, edit: (hex: string) => string, finding: RegExp])[] = [
  ['no CRL at all', () => '30030201', /^CRL: does not decode/u],
  ['a signature of half octets', (hex) => hex.replace(/0382010100(?=.{512}$)/u, '0382010104'), /signature: empty, or not whole octets/u],
];

/** Unusual, and right. */
const right: readonly (readonly [what: string, mutate: Mutate])[] = [
  [
    'nothing revoked',
    (tbs) => {
      delete tbs.revokedCertificates;
    },
  ],
  [
    'an entry without extensions',
    (tbs) => {
      delete tbs.revokedCertificates![0]!.crlEntryExtensions;
    },
  ],
  ...[1, 2, 3, 4, 5, 6, 9, 10].map(
    (code) =>
      [
        `reason ${String(code)}`,
        entry(extension(oid.reason, `0a01${code.toString(16).padStart(2, '0')}`), extension(oid.invalidity, moment('20260101000000Z'))),
      ] as const,
  ),
  ['number 0', put(oid.number, '020100')],
  ['a number of 20 octets', put(oid.number, `02147f${'ff'.repeat(19)}`)],
  ['user certificates only', put(oid.idp, '30038101ff', true)],
  ['some reasons only', put(oid.idp, '300483020640', true)],
  ['one address only', put(oid.idp, seq(der('a0', der('a0', text('86', 'http://a/')))), true)],
];

function mutated(der: Uint8Array, mutate: Mutate): Uint8Array {
  const crl = AsnConvert.parse(der, CertificateList);
  delete crl.tbsCertListRaw;
  mutate(crl.tbsCertList, crl);
  return new Uint8Array(AsnConvert.serialize(crl));
}

export const crlMutations: readonly Mutation[] = [
  ...rows.map(([what, mutate, finding]): Mutation => ({
    kind: 'crl',
    what,
    make: (files) => mutated(files('crl.der'), mutate),
    finding,
  })),
  ...encoded.map(([what, edit, finding]): Mutation => ({
    kind: 'crl',
    what,
    make: (files) => bytes(edit(hexOf(files('crl.der')))),
    finding,
  })),
];

export const crlSamples: readonly Sample[] = right.map(([what, mutate]) => ({
  kind: 'crl',
  what,
  make: (files) => mutated(files('crl.der'), mutate),
}));
