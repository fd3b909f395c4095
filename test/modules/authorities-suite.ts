import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { documentedVerdicts } from '../interoperability/documented.js';
import { verdicts } from '../interoperability/judges.js';
import { lintCertificate, lintCrl, lintOcsp } from '../rig/lint/lint.js';
import { makeKeys, type RawKeyType } from '../rig/modules/raw-keys.js';
import type { MakeRig } from '../rig/modules/rig.js';
import { openssl } from '../x509/openssl.js';
import { useCommands } from './commands.js';
import { askByGet, askByPost, startResponder } from './responder.js';
import { freePort } from '../rig/free-port.js';

/** Ways for a CA to sign, named as on the page: its key, and what else is said. */
const ways = {
  'RSA PKCS#1 v1.5': ['rsa:2048'],
  'RSA-PSS': ['rsa:2048', '--rsa-signature', 'pss'],
  'ECDSA P-256': ['P-256'],
  'ECDSA P-384': ['P-384'],
  'ECDSA P-384 with SHA-512': ['P-384', '--digest', 'sha512'],
  'ECDSA P-521': ['P-521'],
  Ed25519: ['Ed25519'],
} as const satisfies Readonly<Record<string, readonly [RawKeyType, ...string[]]>>;
export type Way = keyof typeof ways;

export interface ExpectedAuthorities {
  readonly make: MakeRig;
  readonly signs: readonly Way[];
  /** What the module cannot, and is not broken by being asked. */
  readonly lacks: readonly Way[];
  /** Keys that are on the token before: the module makes none as we want them. */
  readonly found?: readonly RawKeyType[];
}

/**
 * A CA for each way of signing: root, server, revoked server, CRL and OCSP answers by the built commands, shown to every judge and the
 * linter.
 */
export function authoritiesSuite({ make, signs, lacks, found = [] }: ExpectedAuthorities): void {
  const { rig, at, token, here, said, does } = useCommands(make);
  const initRoot = (way: Way, instance: string) => {
    const [key, ...more] = ways[way];
    return [
      'ca',
      'init-root',
      '--instance',
      instance,
      ...token(),
      '--subject',
      `CN=${instance},O=Modules`,
      ...(found.includes(key) ? ['--key', key] : ['--key-type', key]),
      ...more,
    ];
  };

  beforeAll(() => makeKeys(rig(), found));

  // First: a key that has a certificate is refused for that.
  if (lacks.length > 0) {
    it.each(lacks)('%s is refused in a sentence, and nothing is left', async (way) => {
      const { exitCode, err } = await does(...initRoot(way, 'lacking'));
      expect({ exitCode, err }).toEqual({
        exitCode: 1,
        err: expect.stringMatching(/^hsmonger: Token '.*' lists no .*CKM_.*[.]$/mu) as string,
      });
    });
  }

  it.each(signs)(
    '%s',
    async (way) => {
      const instance = way.replace(/\W/gu, '-');
      const directory = at(`of-${instance}`);
      const file = (name: string) => path.join(directory, name);
      mkdirSync(directory);
      const port = await freePort();
      const url = `http://127.0.0.1:${String(port)}/`;
      await said(...initRoot(way, instance), '--ocsp-url', url);
      for (const name of ['leaf', 'revoked'])
        openssl([
          'req',
          '-new',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-keyout',
          file(`${name}.key`),
          '-subj',
          `/O=Modules/CN=${name}.example.com`,
          '-addext',
          `subjectAltName=DNS:${name}.example.com`,
          '-out',
          file(`${name}.csr`),
        ]);
      await said('ca', 'issue', '--instance', instance, '--profile', 'server', '--in-dir', directory, '--out-dir', directory);
      for (const name of ['leaf', 'revoked']) openssl(['x509', '-in', file(`${name}.crt`), '-out', file(`${name}.pem`)]);
      await said('ca', 'chain', '--instance', instance, '--out', file('root.pem'));
      await said('ca', 'revoke', file('revoked.pem'), '--instance', instance, '--reason', 'keyCompromise');
      await said('ca', 'crl', '--instance', instance, '--out', file('crl.der'));
      openssl(['crl', '-inform', 'DER', '-in', file('crl.der'), '-out', file('crl.pem')]);

      const responder = await startResponder(port, '--instance', instance, ...here());
      try {
        const about = (certificate: string) => ({ issuer: 'root.pem', certificate });
        expect(await askByPost(directory, port, about('revoked.pem'))).toMatch(
          /^revoked\.pem: revoked$[^]*Reason: keyCompromise[^]*^Response verify OK$/mu,
        );
        expect(await lintOcsp(readFileSync(file('response.der')))).toEqual([]);
        expect(await lintOcsp(await askByGet(directory, port, about('leaf.pem')))).toEqual([]);
        expect(await askByPost(directory, port, about('leaf.pem'))).toMatch(/^leaf\.pem: good$[^]*^Response verify OK$/mu);
        // Among them NSS, which asks the responder itself.
        expect(await verdicts(directory)).toEqual(documentedVerdicts()[way]);
      } finally {
        await responder.stop();
      }
      const root = readFileSync(file('root.pem'), 'utf8');
      expect(await lintCertificate(root)).toEqual([]);
      expect(await lintCertificate(readFileSync(file('leaf.pem'), 'utf8'), root)).toEqual([]);
      expect(await lintCrl(readFileSync(file('crl.der')))).toEqual([]);
    },
    120_000,
  );
}
