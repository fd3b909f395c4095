import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { lintCertificate, lintCrl, lintOcsp } from '../rig/lint/lint.js';
import type { MakeRig } from '../rig/modules/rig.js';
import { openssl } from '../x509/openssl.js';
import { useCommands } from './commands.js';
import { askByGet, askByPost, startResponder } from './responder.js';
import { freePort } from '../rig/free-port.js';

/** A small CA from its first key to its openssl copy by the built commands, on any module; openssl and the linter judge all it makes. */
export function caSuite(make: MakeRig): void {
  const { at, token, here, said, told } = useCommands(make);
  const pem = (name: string) => readFileSync(at(name), 'utf8');
  const first = (text: string) => /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/u.exec(text)![0];
  const request = (name: string) =>
    openssl([
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      at(`${name}.key`),
      '-subj',
      `/O=Modules/CN=${name}.example.com`,
      '-out',
      at(`${name}.csr`),
    ]);
  const issue = (...more: readonly string[]) => said('ca', 'issue', '--instance', 'intermediate', ...more);
  const verified = (name: string) =>
    openssl(['verify', '-x509_strict', '-CAfile', at('root.pem'), '-untrusted', at('chain.pem'), at(name)]).toString();

  // One after the other: each step stands on those before it.
  describe('a CA', () => {
    it('root and intermediate, each made once', async () => {
      const root = ['ca', 'init-root', '--instance', 'root', ...token(), '--subject', 'CN=Root,O=Modules', '--key-type', 'P-256'];
      const intermediate = [
        'ca',
        'init-intermediate',
        '--instance',
        'intermediate',
        '--issuer',
        'root',
        '--subject',
        'CN=Intermediate,O=Modules',
        '--key-type',
        'P-256',
      ];
      for (const command of [root, intermediate]) {
        expect(await told(...command)).toMatchObject({ changed: true });
        expect(await told(...command)).toMatchObject({ changed: false });
      }
      await said('ca', 'chain', '--instance', 'root', '--out', at('root.pem'));
      await said('ca', 'chain', '--instance', 'intermediate', '--out', at('chain.pem'));
      expect(await lintCertificate(pem('root.pem'))).toEqual([]);
      expect(await lintCertificate(first(pem('chain.pem')), pem('root.pem'))).toEqual([]);
    });

    it('certificates for a server, a client and a responder with a fresh key on the token', async () => {
      for (const name of ['server', 'client']) {
        request(name);
        await issue(
          '--profile',
          name,
          '--in',
          at(`${name}.csr`),
          '--out',
          at(`${name}.crt`),
          ...(name === 'server' ? ['--san', 'dns:server.example.com'] : []),
        );
      }
      await issue(
        '--profile',
        'ocsp',
        '--subject',
        'CN=Responder,O=Modules',
        '--key-type',
        'P-256',
        '--nickname',
        'responder',
        '--out',
        at('responder.crt'),
      );
      for (const name of ['server.crt', 'client.crt', 'responder.crt']) {
        expect(verified(name)).toMatch(/\.crt: OK$/mu);
        expect(await lintCertificate(pem(name), first(pem('chain.pem')))).toEqual([]);
      }
    });

    it('what it issued is listed and shown, one is revoked, and the CRL says so', async () => {
      const list = (await told('ca', 'list', '--instance', 'intermediate')) as { serial: string; subject: string; state: string }[];
      expect(list.map(({ subject, state }) => `${subject}: ${state}`).sort()).toEqual([
        'CN=Responder,O=Modules: valid',
        'CN=client.example.com,O=Modules: valid',
        'CN=server.example.com,O=Modules: valid',
      ]);
      const { serial } = list.find(({ subject }) => subject.includes('client'))!;
      expect((await said('ca', 'show', serial, '--pem', '--instance', 'intermediate')).trim()).toBe(pem('client.crt').trim());
      await said('ca', 'revoke', serial, '--reason', 'keyCompromise', '--instance', 'intermediate');
      for (const file of ['first.crl', 'second.crl']) await said('ca', 'crl', '--instance', 'intermediate', '--pem', '--out', at(file));
      expect(await lintCrl(pem('second.crl'))).toEqual([]);
      expect(openssl(['crl', '-in', at('first.crl'), '-noout', '-crlnumber']).toString()).not.toBe(
        openssl(['crl', '-in', at('second.crl'), '-noout', '-crlnumber']).toString(),
      );
      const check = (name: string) =>
        openssl([
          'verify',
          '-x509_strict',
          '-crl_check',
          '-CRLfile',
          at('second.crl'),
          '-CAfile',
          at('root.pem'),
          '-untrusted',
          at('chain.pem'),
          at(name),
        ]).toString();
      expect(check('server.crt')).toMatch(/server\.crt: OK$/mu);
      expect(() => check('client.crt')).toThrow(/certificate revoked/u);
    });

    it('goes over to openssl ca', async () => {
      await said('ca', 'export-openssl', at('exported'), '--instance', 'intermediate');
      expect(
        pem(path.join('exported', 'index.txt'))
          .split('\n')
          .filter((line) => line.startsWith('R\t')),
      ).toHaveLength(1);
      expect(existsSync(at(path.join('exported', 'serial'))) && readdirSync(at('exported')).includes('crlnumber')).toBe(true);
    });

    // Last: a TPM without a resource manager serves one process at a time.
    it('answers OCSP by POST and GET with the fresh key', async () => {
      const port = await freePort();
      openssl(['x509', '-in', at('chain.pem'), '-out', at('intermediate.pem')]);
      const responder = await startResponder(port, '--instance', 'intermediate', ...here());
      const about = (certificate: string) => ({ issuer: 'intermediate.pem', certificate, anchor: 'root.pem' });
      try {
        expect(await askByPost(at(''), port, about('client.crt'))).toMatch(/^client\.crt: revoked$/mu);
        expect(await lintOcsp(readFileSync(at('response.der')))).toEqual([]);
        expect(await askByPost(at(''), port, about('server.crt'))).toMatch(/^server\.crt: good$/mu);
        expect(await lintOcsp(await askByGet(at(''), port, about('server.crt')))).toEqual([]);
      } finally {
        await responder.stop();
      }
      const judged = openssl([
        'ocsp',
        '-respin',
        at('response.der'),
        '-CAfile',
        at('root.pem'),
        '-verify_other',
        at('chain.pem'),
        '-resp_text',
        '-issuer',
        at('intermediate.pem'),
        '-cert',
        at('server.crt'),
      ]).toString();
      expect(judged).toMatch(/server\.crt: good/u);
    });
  });
}
