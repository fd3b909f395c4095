import { createHash } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate } from '@peculiar/asn1-x509';
import { contentOf, elementsIn } from '../../../../src/x509/der.js';
import { withJunkPurposes, withoutCriticalUsage, withoutPurpose } from './certificates.js';
import { attribute, bytes, der, hexOf, moment, name, seq, text, types } from './hex.js';
import type { Mutation, Sample } from './mutation.js';

/** An OCSPResponse in parts, each its DER in hexadecimal. */
interface Answer {
  status: string;
  type: string;
  /** Of ResponseData; DER leaves out v1. */
  version?: string;
  responder: string;
  produced: string;
  singles: Single[];
  extensions?: string[];
  algorithm: string;
  signature: string;
  certs?: string[];
}

interface Single {
  /** hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber. */
  id: string[];
  status: string;
  this: string;
  next?: string;
  extensions?: string[];
}

const parts = (hex: string): string[] => elementsIn(bytes(hex)).map(hexOf);
const inner = (hex: string): string => hexOf(contentOf(bytes(hex)));

/** Of material.ts: one good, one revoked, a nonce, the responder's certificate. */
function takeApart(response: Uint8Array): Answer {
  const [status = '', wrapped = ''] = parts(hexOf(response));
  const [type = '', octets = ''] = parts(inner(wrapped));
  const [data = '', algorithm = '', signature = '', certs = ''] = parts(inner(octets));
  const [responder = '', produced = '', singles = '', extensions = ''] = parts(data);
  return {
    status,
    type,
    responder,
    produced,
    algorithm,
    signature,
    singles: parts(singles).map((single) => {
      const [id = '', state = '', from = '', next = ''] = parts(single);
      return { id: parts(id), status: state, this: from, next: inner(next) };
    }),
    extensions: parts(inner(extensions)),
    certs: parts(inner(certs)),
  };
}

function putTogether({ status, type, version, responder, produced, singles, extensions, algorithm, signature, certs }: Answer): string {
  const optional = (tag: string, content: string | undefined) => (content === undefined ? [] : [der(tag, content)]);
  const list = (tag: string, each: readonly string[] | undefined) => optional(tag, each === undefined ? undefined : seq(...each));
  const data = seq(
    ...optional('a0', version),
    responder,
    produced,
    seq(
      ...singles.map((single) =>
        seq(seq(...single.id), single.status, single.this, ...optional('a0', single.next), ...list('a1', single.extensions)),
      ),
    ),
    ...list('a1', extensions),
  );
  return seq(status, der('a0', seq(type, der('04', seq(data, algorithm, signature, ...list('a0', certs))))));
}

type Mutate = (answer: Answer & { readonly good: Single; readonly revoked: Single }, files: (name: string) => Uint8Array) => void;

const extension = (oid: string, value: string, critical = false) => seq(oid, ...(critical ? ['0101ff'] : []), der('04', value));
const nonceOid = '06092b0601050507300102';
const reason = '0603551d15';
const invalidity = '0603551d18';
/** A responder by its key, with its certificate. */
const responder = (certificate: Uint8Array): Pick<Answer, 'responder' | 'certs'> => {
  const { subjectPublicKey } = AsnConvert.parse(certificate, Certificate).tbsCertificate.subjectPublicKeyInfo;
  return {
    responder: der('a2', der('04', createHash('sha1').update(new Uint8Array(subjectPublicKey)).digest('hex'))),
    certs: [hexOf(certificate)],
  };
};

const rows: readonly (readonly [what: string, mutate: Mutate, finding: RegExp])[] = [
  [
    'a status of failure with an answer',
    (answer) => {
      answer.status = '0a0101';
    },
    /responseBytes: there without success/u,
  ],
  [
    'a status that is not used',
    (answer) => {
      answer.status = '0a0104';
    },
    /responseStatus: 4, which means nothing/u,
  ],
  [
    'another type of response',
    (answer) => {
      answer.type = '06092b0601050507300103';
    },
    /not id-pkix-ocsp-basic/u,
  ],
  [
    'version 2',
    (answer) => {
      answer.version = '020101';
    },
    /version: not v1/u,
  ],
  [
    'version 1 written out',
    (answer) => {
      answer.version = '020100';
    },
    /basic response: is not DER/u,
  ],
  [
    'RSA parameters with ECDSA',
    (answer) => {
      answer.algorithm = seq('06082a8648ce3d040302', '0500');
    },
    /signatureAlgorithm: 1\.2\.840\.10045\.4\.3\.2 with parameters/u,
  ],
  [
    'an empty signature',
    (answer) => {
      answer.signature = '030100';
    },
    /signature: empty/u,
  ],
  [
    'a producedAt with a fraction',
    (answer) => {
      answer.produced = moment('20991231235959.5Z');
    },
    /producedAt: '.*' is not of the form/u,
  ],
  [
    'a producedAt in no month',
    (answer) => {
      answer.produced = moment('20261331235959Z');
    },
    /producedAt: '.*' is not of the form/u,
  ],
  [
    'a producedAt of another zone',
    (answer) => {
      answer.produced = moment('20991231235959+0000');
    },
    /basic response: does not decode|producedAt: '.*' is not of the form|basic response: breaks its own schema/u,
  ],
  [
    'no response',
    (answer) => {
      answer.singles = [];
    },
    /responses: empty/u,
  ],
  [
    'a responder by a name in BMPString',
    (answer) => {
      answer.responder = der('a1', name(attribute(types.commonName, '1e0400610062')));
    },
    /responderID 2\.5\.4\.3: neither/u,
  ],
  [
    'a responder by another name',
    (answer) => {
      answer.responder = der('a1', name(attribute(types.commonName, '0c0161')));
    },
    /no certificate of who is named as the responder/u,
  ],
  [
    'a responder by another key',
    (answer) => {
      answer.responder = der('a2', der('04', 'aa'.repeat(20)));
    },
    /no certificate of who is named as the responder/u,
  ],
  [
    'a responder by a SHA-256',
    (answer) => {
      answer.responder = der('a2', der('04', 'aa'.repeat(32)));
    },
    /no certificate of who is named as the responder/u,
  ],
  [
    'no certificate',
    (answer) => {
      delete answer.certs;
    },
    /no certificate of who is named as the responder/u,
  ],
  [
    'an empty list of certificates',
    (answer) => {
      answer.certs = [];
    },
    /no certificate of who is named as the responder/u,
  ],
  [
    'a certificate with a fault',
    (answer, files) => {
      answer.certs = [hexOf(withoutCriticalUsage(files('responder.der')))];
    },
    /^certs: keyUsage: not critical/u,
  ],
  [
    'a responder that is a server',
    (answer, files) => {
      Object.assign(answer, responder(files('leaf.der')));
    },
    /neither a CA nor allowed to sign/u,
  ],
  [
    'a responder without a purpose',
    (answer, files) => {
      answer.certs = [hexOf(withoutPurpose(files('responder.der')))];
    },
    /neither a CA nor allowed to sign/u,
  ],
  [
    'a responder with junk for purposes',
    (answer, files) => {
      answer.certs = [hexOf(withJunkPurposes(files('responder.der')))];
    },
    /neither a CA nor allowed to sign/u,
  ],

  [
    'serial 0',
    ({ good }) => {
      good.id[3] = '020100';
    },
    /certID: not positive/u,
  ],
  [
    'a digest that does not fit its hashes',
    ({ good }) => {
      good.id[0] = seq('0609608648016503040201', '0500');
    },
    /hashes that are not of their algorithm/u,
  ],
  [
    'a digest nobody knows',
    ({ good }) => {
      good.id[0] = seq('06052b0e03021b', '0500');
    },
    /hashes that are not of their algorithm/u,
  ],
  [
    'a short hash of a key',
    ({ good }) => {
      good.id[2] = der('04', 'aa');
    },
    /hashes that are not of their algorithm/u,
  ],
  [
    'another issuer',
    ({ good }) => {
      good.id[1] = der('04', 'aa'.repeat(20));
    },
    /certID: of another issuer/u,
  ],
  [
    'a thisUpdate with a fraction',
    ({ good }) => {
      good.this = moment('20260101000000.5Z');
    },
    /thisUpdate: '.*' is not of the form/u,
  ],
  [
    'a thisUpdate to come',
    ({ good }) => {
      good.this = moment('20991231235959Z');
    },
    /thisUpdate: after producedAt/u,
  ],
  [
    'no nextUpdate',
    ({ good }) => {
      delete good.next;
    },
    /nextUpdate: missing/u,
  ],
  [
    'a nextUpdate without seconds',
    ({ good }) => {
      good.next = moment('209912312359Z');
    },
    /nextUpdate: '.*' is not of the form/u,
  ],
  [
    'a nextUpdate at thisUpdate',
    ({ good }) => {
      good.next = good.this;
    },
    /nextUpdate: not after thisUpdate/u,
  ],
  [
    'a revocation without seconds',
    ({ revoked }) => {
      revoked.status = der('a1', moment('202601010000Z'));
    },
    /revocationTime: '.*' is not of the form/u,
  ],
  [
    'a revocation to come',
    ({ revoked }) => {
      revoked.status = der('a1', moment('20991231235959Z'));
    },
    /revocationTime: after thisUpdate/u,
  ],
  ...([0, 7, 8, 11] as const).map(
    (code) =>
      [
        `revocation reason ${String(code)}`,
        ({ revoked }) => {
          revoked.status = der('a1', moment('20200101000000Z'), der('a0', `0a010${code.toString(16)}`));
        },
        new RegExp(`revocationReason: ${String(code)},`, 'u'),
      ] as const satisfies readonly [string, Mutate, RegExp],
  ),
  [
    'an empty list of extensions of one',
    ({ good }) => {
      good.extensions = [];
    },
    /single response: an empty list of extensions/u,
  ],
  [
    'a nonce of one',
    ({ good }) => {
      good.extensions = [extension(nonceOid, '040101')];
    },
    /single response: extension .*48\.1\.2, which does not belong here/u,
  ],
  [
    'a critical invalidity date',
    ({ revoked }) => {
      revoked.extensions = [extension(invalidity, moment('20260101000000Z'), true)];
    },
    /single response: extension 2\.5\.29\.24 critical/u,
  ],
  [
    'an invalidity date without seconds',
    ({ revoked }) => {
      revoked.extensions = [extension(invalidity, moment('202601010000Z'))];
    },
    /single response: invalidityDate: '.*' is not of the form/u,
  ],
  [
    'reason 0 as an extension',
    ({ revoked }) => {
      revoked.extensions = [extension(reason, '0a0100')];
    },
    /single response: reasonCode 0/u,
  ],

  [
    'an empty list of extensions',
    (answer) => {
      answer.extensions = [];
    },
    /response: an empty list of extensions/u,
  ],
  [
    'an extension twice',
    (answer) => {
      answer.extensions = [...answer.extensions!, ...answer.extensions!];
    },
    /response: extension .* twice/u,
  ],
  [
    'an extension nobody knows',
    (answer) => {
      answer.extensions = [extension('06032a0304', '0500')];
    },
    /response: extension 1\.2\.3\.4, which does not belong here/u,
  ],
  [
    'a nonce that is not wrapped',
    (answer) => {
      answer.extensions = [extension(nonceOid, text('16', 'a'))];
    },
    /nonce: does not decode/u,
  ],
  [
    'a nonce of no octets',
    (answer) => {
      answer.extensions = [extension(nonceOid, '0400')];
    },
    /nonce: of 0 octets/u,
  ],
  [
    'a nonce of 33 octets',
    (answer) => {
      answer.extensions = [extension(nonceOid, der('04', 'aa'.repeat(33)))];
    },
    /nonce: of 33 octets/u,
  ],
  [
    'a critical nonce',
    (answer) => {
      answer.extensions = [extension(nonceOid, '040101', true)];
    },
    /nonce: critical/u,
  ],
];

const whole: readonly (readonly [what: string, hex: string, finding: RegExp])[] = [
  ['no response at all', '30030201', /^OCSP response: does not decode/u],
  ['a success without an answer', '30030a0100', /responseBytes: missing/u],
  [
    'a basic response that is none',
    seq('0a0100', der('a0', seq('06092b0601050507300101', '04020500'))),
    /^basic response: does not decode/u,
  ],
];

/** Unusual, and right. */
const right: readonly (readonly [what: string, mutate: Mutate])[] = [
  [
    'no extensions',
    (answer) => {
      delete answer.extensions;
    },
  ],
  [
    'a nonce of 32 octets',
    (answer) => {
      answer.extensions = [extension(nonceOid, der('04', 'aa'.repeat(32)))];
    },
  ],
  [
    'a responder by its key',
    (answer, files) => {
      Object.assign(answer, responder(files('responder.der')));
    },
  ],
  [
    'the CA itself',
    (answer, files) => {
      Object.assign(answer, responder(files('root.der')));
    },
  ],
  [
    'more certificates',
    (answer, files) => {
      answer.certs = [hexOf(files('root.der')), ...answer.certs!];
    },
  ],
  [
    'no reason',
    ({ revoked }) => {
      revoked.status = der('a1', moment('20200101000000Z'));
    },
  ],
  [
    'revoked now',
    ({ revoked }) => {
      revoked.status = der('a1', revoked.this);
    },
  ],
  [
    'an invalidity date',
    ({ revoked }) => {
      revoked.extensions = [extension(invalidity, moment('20260101000000Z'))];
    },
  ],
  [
    "nothing known of another CA's",
    ({ good }) => {
      good.id[1] = der('04', 'aa'.repeat(20));
      good.status = '8200';
    },
  ],
  [
    'a SHA-256',
    ({ good }, files) => {
      const { issuer } = AsnConvert.parse(files('leaf.der'), Certificate).tbsCertificate;
      good.id = [
        seq('0609608648016503040201', '0500'),
        der(
          '04',
          createHash('sha256')
            .update(new Uint8Array(AsnConvert.serialize(issuer)))
            .digest('hex'),
        ),
        der('04', 'aa'.repeat(32)),
        good.id[3]!,
      ];
    },
  ],
];

function mutated(files: (name: string) => Uint8Array, mutate: Mutate): Uint8Array {
  const answer = takeApart(files('response.der'));
  const [good, revoked] = answer.singles;
  mutate(Object.assign(answer, { good: good!, revoked: revoked! }), files);
  return bytes(putTogether(answer));
}

export const answerMutations: readonly Mutation[] = [
  ...rows.map(([what, mutate, finding]): Mutation => ({
    kind: 'ocsp',
    what,
    make: (files) => mutated(files, mutate),
    finding,
  })),
  ...whole.map(([what, hex, finding]): Mutation => ({ kind: 'ocsp', what, make: () => bytes(hex), finding })),
];

export const answerSamples: readonly Sample[] = [
  ...right.map(([what, mutate]): Sample => ({ kind: 'ocsp', what, make: (files) => mutated(files, mutate) })),
  ...[1, 2, 3, 5, 6].map((status): Sample => ({
    kind: 'ocsp',
    what: `failure ${String(status)}`,
    make: () => bytes(`30030a010${String(status)}`),
  })),
];
