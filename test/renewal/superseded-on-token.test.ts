import { beforeAll, expect, test } from 'vitest';
import { supersededOn, type OnToken } from '../../src/renewal/superseded-on-token.js';
import {
  day,
  extendedKeyUsage,
  leafConstraints,
  makeCertificate,
  makeKeys,
  now,
  type CertificateOptions,
  type Keys,
} from '../x509/material.js';

let keys: Keys;
let issuer: CertificateOptions['by'];

beforeAll(async () => {
  keys = await makeKeys('p256');
  const authority = await makeKeys('p256');
  issuer = { keys: authority, certificate: await makeCertificate({ keys: authority }) };
});

const at = (days: number) => new Date(now.getTime() + days * day);

/** From and until, in days from now. */
async function certificate(label: string, from: number, until: number, more: Partial<CertificateOptions> = {}): Promise<OnToken> {
  const made = await makeCertificate({
    keys,
    subject: 'CN=one',
    notBefore: at(from),
    notAfter: at(until),
    extensions: [leafConstraints()],
    ...(issuer === undefined ? {} : { by: issuer }),
    ...more,
  });
  return { id: Uint8Array.of(1), label, der: made.der, certificate: made };
}

const gone = (found: readonly OnToken[]) => supersededOn(now, found).map(({ old, by }) => `${old.label} by ${by.label}`);

test('what has a later certificate of the same key, subject, issuer and uses is superseded, by the one that lasts longest', async () => {
  expect(gone([await certificate('first', -90, -1), await certificate('second', -60, 30), await certificate('third', -30, 60)])).toEqual([
    'first by third',
    'second by third',
  ]);
});

test.each<[string, number, number, Partial<CertificateOptions> | 'other key' | 'own issuer']>([
  ['has another subject', -30, 60, { subject: 'CN=two' }],
  ['has another key', -30, 60, 'other key'],
  ['is from another issuer', -30, 60, 'own issuer'],
  ['is for other uses', -30, 60, { extensions: [leafConstraints(), extendedKeyUsage('1.3.6.1.5.5.7.3.9')] }],
  ['is not valid yet', 1, 60, {}],
  ['is valid no longer', -30, -0.5, {}],
  ['began later and ends earlier', -30, 10, {}],
  ['began earlier and ends later', -100, 100, {}],
])('nothing is superseded by one that %s', async (_, from, until, difference) => {
  const more = difference === 'other key' ? { keys: await makeKeys('p256') } : difference === 'own issuer' ? {} : difference;
  const old = await certificate('old', -90, until < 0 ? -1 : 20);
  const next = await certificate('next', from, until, more);
  const fromItself = { ...next, ...(difference === 'own issuer' ? await selfSigned() : {}) };
  expect(gone([old, fromItself])).toEqual([]);
});

async function selfSigned(): Promise<Pick<OnToken, 'der' | 'certificate'>> {
  const made = await makeCertificate({ keys, subject: 'CN=one', notBefore: at(-30), notAfter: at(60), extensions: [leafConstraints()] });
  return { der: made.der, certificate: made };
}
