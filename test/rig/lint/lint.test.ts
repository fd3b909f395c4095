import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate } from '@peculiar/asn1-x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { privateDirectory, type PrivateDirectory } from '../directory.js';
import { lintCertificate, lintCrl, lintMany, lintOcsp, lintSites, type Found } from './lint.js';
import { authorityFiles } from './material.js';
import { answerMutations, answerSamples } from './mutations/answers.js';
import { certificateMutations, certificateSamples } from './mutations/certificates.js';
import { crlMutations, crlSamples } from './mutations/crls.js';
import type { Mutation, Sample } from './mutations/mutation.js';

const mutations: readonly Mutation[] = [...certificateMutations, ...crlMutations, ...answerMutations];
/** What is right and unusual: a rule that finds too much is none either. */
const samples: readonly Sample[] = [...certificateSamples, ...crlSamples, ...answerSamples];

let directory: PrivateDirectory;
let files: (name: string) => Buffer;
const found = new Map<Sample, Found[]>();

beforeAll(async () => {
  directory = privateDirectory('lint-');
  files = authorityFiles(directory.path);
  const all = await lintMany([...mutations, ...samples].map(({ kind, make }) => ({ kind, der: make(files) })));
  [...mutations, ...samples].forEach((sample, index) => found.set(sample, all[index]!));
});

afterAll(() => {
  directory.remove();
});

/** What was to be found, where it was. */
const hits = (mutation: Mutation): Found[] => found.get(mutation)!.filter(({ finding }) => mutation.finding.test(finding));

describe('the linter', () => {
  it.each(['root.der', 'leaf.der', 'responder.der'])('has nothing against %s', async (file) => {
    expect(await lintCertificate(files(file), files('root.pem').toString())).toEqual([]);
  });

  it("has nothing against openssl's CRL and OCSP answer", async () => {
    expect(await lintCrl(files('crl.der'))).toEqual([]);
    expect(await lintCrl(files('crl.pem').toString())).toEqual([]);
    expect(await lintOcsp(files('response.der'))).toEqual([]);
  });

  it.each(samples)('has nothing against this $kind: $what', (sample) => {
    expect(found.get(sample)).toEqual([]);
  });

  it.each(mutations)('finds in a $kind: $what', (mutation) => {
    expect(
      hits(mutation),
      found
        .get(mutation)!
        .map(({ finding }) => finding)
        .join('\n'),
    ).not.toEqual([]);
  });

  it('has no rule that no mutation breaks', async () => {
    const broken = new Set(mutations.flatMap((mutation) => hits(mutation).flatMap(({ sites }) => sites)));
    const sites = Object.entries(await lintSites());
    // Each rule of each page of it; fewer are found where the calls are no longer recognised.
    expect(sites.length).toBeGreaterThan(150);
    expect(sites.filter(([site]) => !broken.has(site))).toEqual([]);
  });

  it('gives the verdicts of the others too', async () => {
    const certificate = AsnConvert.parse(files('root.der'), Certificate);
    delete certificate.tbsCertificateRaw;
    certificate.tbsCertificate.extensions!.find(({ extnID }) => extnID === '2.5.29.19')!.critical = false;
    expect((await lintCertificate(files('leaf.der'), new Uint8Array(AsnConvert.serialize(certificate)))).join('\n')).toMatch(
      /^openssl: .*Basic Constraints of CA cert not marked critical/mu,
    );
    const junk = Buffer.from('30030201', 'hex');
    for (const judge of [/^certificate: does not decode/mu, /^certtool: /mu, /^python-cryptography: /mu])
      expect((await lintCertificate(junk)).join('\n')).toMatch(judge);
    for (const judge of [/^CRL: does not decode/mu, /^openssl: /mu, /^certtool: /mu, /^python-cryptography: /mu])
      expect((await lintCrl(junk)).join('\n')).toMatch(judge);
    for (const judge of [/^OCSP response: does not decode/mu, /^openssl: /mu, /^ocsptool: /mu, /^python-cryptography: /mu])
      expect((await lintOcsp(junk)).join('\n')).toMatch(judge);
  });
});
