import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HsmongerError } from '../../../src/errors.js';
import { profiles } from '../../../src/issuer/profiles.js';
import type { IssueResult } from '../../../src/issuer/token/issuance/results.js';
import type { Database } from '../../../src/ledger/database.js';
import { listIssued } from '../../../src/ledger/issued.js';
import { openLedger } from '../../../src/ledger/ledger.js';
import { endHold, revoke } from '../../../src/ledger/revocation.js';
import { encodeGeneralName } from '../../../src/x509/names/general-name.js';
import { generalNameFromText } from '../../../src/x509/names/general-name-text.js';
import { nameConstraintFromText } from '../../../src/x509/names/name-constraint-text.js';
import { nameConstraintsExtension } from '../../../src/x509/names/name-constraints.js';
import { subjectFromText } from '../../../src/x509/names/subject-text.js';
import { parseCsr } from '../../../src/x509/parse-csr.js';
import { csrFromPem } from '../../../src/x509/pem.js';
import { certificateText, verdict, withFile } from '../../x509/openssl.js';
import { caName, createIssuingSite, issue, request, type IssuingSite } from './rig.js';

const names = (...texts: string[]) => texts.map((text) => encodeGeneralName(generalNameFromText(text)));
const given = (result: IssueResult | undefined): Uint8Array => {
  if (result === undefined || 'problem' in result) throw new Error(JSON.stringify(result));
  return result.certificate;
};
const rows = ({ ledgerFile }: IssuingSite) => {
  const ledger = openLedger(ledgerFile);
  try {
    return listIssued(ledger);
  } finally {
    ledger.close();
  }
};

describe('certificates from a CA on a real token', () => {
  let site: IssuingSite;
  let root: Uint8Array;
  beforeAll(async () => {
    site = await createIssuingSite({
      policy: { countryName: 'optional', organizationName: 'match', commonName: 'supplied' },
      'crl-urls': ['http://pki.test/ca.crl'],
      'ocsp-urls': ['http://ocsp.test/'],
      'issuer-urls': ['http://pki.test/ca.crt'],
      'ns-cert-type': true,
      'ns-comment': 'Generated Certificate',
      'authority-key-id': 'key-and-issuer',
    });
    root = site.authority.certificate(caName).der;
  });
  afterAll(() => site.directory.remove());
  const make = (name: string, subject: string, names?: string, key?: readonly string[]) =>
    request(site.directory.path, name, subject, names, key);

  it('nothing is signed that would be larger than what is read back', async () => {
    const many = names(...Array.from({ length: 20_000 }, (_none, n) => `dns:${String(n)}.${'a-long-label-of-a-name.'.repeat(2)}test`));
    const before = rows(site).length;
    expect(
      await issue(site, [make('large', '/CN=large/O=HSMONGER.TEST')], { order: { profile: profiles.caServerCert, names: many } }),
    ).toEqual([
      { name: 'large', problem: { code: 'CSR_INVALID', message: expect.stringContaining('would be larger than 1 MiB') as string } },
    ]);
    expect(rows(site)).toHaveLength(before);
  });

  it('a server: the names of the request, the profile of the CA, accepted by openssl and gnutls', async () => {
    const certificate = given(
      (
        await issue(site, [make('server', '/CN=www.test/O=HSMONGER.TEST/OU=dropped/C=US', 'DNS:www.test,IP:192.0.2.1')], {
          order: { profile: profiles.caServerCert, days: 375 },
        })
      )[0],
    );
    const text = certificateText(certificate);
    // openssl-ca(1): the order of the policy, what it does not name left out.
    expect(text).toContain('Subject: C = US, O = HSMONGER.TEST, CN = www.test\n');
    expect(text).toMatch(/Basic Constraints: critical\n +CA:FALSE\n/u);
    expect(text).toMatch(/Key Usage: critical\n +Digital Signature, Key Encipherment\n/u);
    expect(text).toMatch(/Extended Key Usage: \n +TLS Web Server Authentication\n/u);
    expect(text).toMatch(/Subject Alternative Name: \n +DNS:www.test, IP Address:192.0.2.1\n/u);
    expect(text).toMatch(/CRL Distribution Points: \n +Full Name:\n +URI:http:\/\/pki.test\/ca.crl\n/u);
    expect(text).toMatch(/OCSP - URI:http:\/\/ocsp.test\/\n +CA Issuers - URI:http:\/\/pki.test\/ca.crt\n/u);
    expect(text).toMatch(/Netscape Cert Type: \n +SSL Server\n/u);
    expect(text).toMatch(/Netscape Comment: \n +Generated Certificate\n/u);
    expect(text).toMatch(/DirName:\/O=HSMONGER.TEST\/CN=Certificate Authority\n +serial:/u);
    expect(verdict(certificate, [], [root], undefined, '-purpose', 'sslserver', '-verify_hostname', 'www.test')).toMatch(/: OK$/mu);
    const pem = (der: Uint8Array) =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64').replace(/.{64}/gu, '$&\n')}\n-----END CERTIFICATE-----\n`;
    expect(
      withFile(Buffer.from(pem(root)), (ca) =>
        withFile(Buffer.from(pem(certificate)), (leaf) =>
          execFileSync('certtool', ['--verify', '--load-ca-certificate', ca, '--infile', leaf]).toString(),
        ),
      ),
    ).toContain('The certificate is trusted');
    expect(rows(site)).toMatchObject([{ profile: 'caServerCert', subject: 'CN=www.test,O=HSMONGER.TEST,C=US' }]);
  });

  it.each([
    ['caUserCert', /Client Authentication, E-mail Protection/u, 'sslclient'],
    ['caOCSPCert', /OCSP Signing[\s\S]*OCSP No Check/u, 'ocsphelper'],
    ['caSubsystemCert', /TLS Web Client Authentication\n/u, 'sslclient'],
    ['caSignedLogCert', /Digital Signature, Non Repudiation\n/u, 'any'],
    ['caCACert', /CA:TRUE, pathlen:0[\s\S]*SSL CA, S\/MIME CA, Object Signing CA/u, 'any'],
  ] as const)('by profile %s, with a key on a curve, which encrypts nothing', async (profile, said, purpose) => {
    const csr = make(profile, `/CN=${profile}/O=HSMONGER.TEST`, undefined, ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
    const certificate = given((await issue(site, [csr], { order: { profile: profiles[profile] } }))[0]);
    const text = certificateText(certificate);
    expect(text).toMatch(said);
    expect(text).not.toContain('Encipherment');
    expect(verdict(certificate, [], [root], undefined, '-purpose', purpose)).toMatch(/: OK$/mu);
  });

  it('the same request and order again is the same certificate; another order is another', async () => {
    const csr = make('again', '/CN=again.test/O=HSMONGER.TEST');
    const first = given((await issue(site, [csr]))[0]);
    expect(await issue(site, [csr])).toEqual([{ name: 'again', certificate: first, before: true }]);
    expect(certificateText(first)).toMatch(/Subject Alternative Name: \n +DNS:again.test\n/u);
    const other = given(
      (
        await issue(site, [csr], {
          order: {
            profile: profiles.caServerCert,
            names: names('dns:other.test', 'ip:2001:db8::1'),
            subject: subjectFromText('CN=x,O=hsmonger.test'),
          },
        })
      )[0],
    );
    expect(certificateText(other)).toMatch(/DNS:other.test, IP Address:2001:DB8:0:0:0:0:0:1\n/u);
    expect(other).not.toEqual(first);
    const anew = given((await issue(site, [csr], { order: { profile: profiles.caServerCert, again: '1' } }))[0]);
    expect(anew).not.toEqual(first);
  });

  it('many: each bad request fails alone, in its place; twins get one certificate', async () => {
    const good = make('good', '/CN=good.test/O=HSMONGER.TEST');
    const tampered = {
      name: 'tampered',
      csr: Uint8Array.from(good.csr, (octet, index) => (index === good.csr.length - 1 ? octet ^ 1 : octet)),
    };
    const onCurve = make('beside', '/CN=beside.test/O=HSMONGER.TEST', undefined, ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
    const point = Buffer.from(onCurve.csr).indexOf(Buffer.from('03420004', 'hex')) + 4;
    const beside = { name: 'beside', csr: Uint8Array.from(onCurve.csr, (octet, index) => (index === point ? octet ^ 1 : octet)) };
    const results = await issue(site, [
      tampered,
      good,
      { name: 'rubbish', csr: Uint8Array.of(1, 2) },
      { ...good, name: 'twin' },
      make('weak', '/CN=weak.test/O=HSMONGER.TEST', undefined, ['rsa:1024']),
      make('foreign', '/CN=f.test/O=Other'),
      make('nameless', '/O=HSMONGER.TEST'),
      make('itself', '/O=HSMONGER.TEST/CN=Certificate Authority'),
      make('host', '/CN=h/O=HSMONGER.TEST', 'DNS:a_b.test'),
      beside,
    ]);
    expect(results.map((result) => ('problem' in result ? [result.name, result.problem.code] : [result.name, 'issued']))).toEqual([
      ['tampered', 'CSR_SIGNATURE'],
      ['good', 'issued'],
      ['rubbish', 'CSR_INVALID'],
      ['twin', 'issued'],
      ['weak', 'WEAK_KEY'],
      ['foreign', 'NAME_REFUSED'],
      ['nameless', 'NAME_REFUSED'],
      ['itself', 'SUBJECT_MISMATCH'],
      ['host', 'NAME_REFUSED'],
      ['beside', 'CSR_SIGNATURE'],
    ]);
    expect(given(results[1])).toEqual(given(results[3]));
    expect(rows(site).filter(({ subject }) => subject.includes('good.test'))).toHaveLength(1);
  });

  it("a server's request that names no host is refused, and told how to name one; nobody else needs one", async () => {
    const bad = make('bad', '/CN=Bad CA/O=HSMONGER.TEST');
    const mail = make('mail', '/CN=Bad CA/O=HSMONGER.TEST', 'email:jane@hsmonger.test');
    for (const csr of [bad, mail]) {
      expect(await issue(site, [csr], { order: { profile: profiles.caServerCert } })).toMatchObject([
        {
          problem: {
            code: 'NAME_REFUSED',
            message: expect.stringMatching(
              /^Neither the request for CN=Bad CA,O=HSMONGER\.TEST nor --san names a host, .*; say --san dns:… or ip:…/u,
            ) as string,
          },
        },
      ]);
      given((await issue(site, [csr], { order: { profile: profiles.caServerCert, names: names('ip:192.0.2.9') } }))[0]);
      given((await issue(site, [csr], { order: { profile: profiles.caSubsystemCert } }))[0]);
    }
    given(
      (
        await issue(site, [make('uri', '/CN=Bad CA/O=HSMONGER.TEST', 'URI:sip:hsmonger.test')], {
          order: { profile: profiles.caServerCert },
        })
      )[0],
    );
  });

  it('a key that was lost gets nothing any more, not even what it had, and not where it was lost while the token signed', async () => {
    const csr = make('lost', '/CN=lost.test/O=HSMONGER.TEST', 'DNS:lost.test');
    const order = { profile: profiles.caServerCert, again: 'another' };
    given((await issue(site, [csr]))[0]);
    const lose = () => {
      const ledger = openLedger(site.ledgerFile);
      const { issuerKey, serial } = listIssued(ledger).findLast((row) => row.subject.includes('lost.test'))!;
      revoke(ledger, { issuerKey, serial }, { at: new Date(), reason: 'keyCompromise' }, 0);
      ledger.close();
    };
    const before = rows(site).length;
    const late = await issue(site, [csr], {
      order,
      sign: async (algorithm, data) => {
        const signature = await site.signer(algorithm, data);
        lose();
        return signature;
      },
    });
    for (const results of [late, await issue(site, [csr]), await issue(site, [csr], { order })])
      expect(results).toMatchObject([{ problem: { code: 'REVOCATION_REFUSED' } }]);
    expect(rows(site)).toHaveLength(before);
  });

  it('a key that is on hold gets nothing, not even what it had, not where the hold came while the token signed, and all of it once the hold has ended', async () => {
    const csr = make('held', '/CN=held.test/O=HSMONGER.TEST', 'DNS:held.test');
    const had = given((await issue(site, [csr]))[0]);
    const order = { profile: profiles.caServerCert, again: 'another' };
    const { issuerKey, serial } = rows(site).findLast(({ subject }) => subject.includes('held.test'))!;
    const change = (write: (ledger: Database) => void) => {
      const ledger = openLedger(site.ledgerFile);
      write(ledger);
      ledger.close();
    };
    const before = rows(site).length;
    const late = await issue(site, [csr], {
      order,
      sign: async (algorithm, data) => {
        const signature = await site.signer(algorithm, data);
        change((ledger) => {
          revoke(ledger, { issuerKey, serial }, { at: new Date(), reason: 'certificateHold' }, 0);
        });
        return signature;
      },
    });
    for (const results of [late, await issue(site, [csr]), await issue(site, [csr], { order })]) {
      expect(results).toMatchObject([
        { problem: { code: 'REVOCATION_REFUSED', message: expect.stringContaining(`${serial}, since`) as string } },
      ]);
      expect(results).toMatchObject([
        { problem: { message: expect.stringContaining(`'hsmonger ca unrevoke ${serial}' ends the hold`) as string } },
      ]);
    }
    expect(rows(site)).toHaveLength(before);
    change((ledger) => {
      endHold(ledger, { issuerKey, serial }, new Date(), 0);
    });
    expect(given((await issue(site, [csr]))[0])).toEqual(had);
    expect(given((await issue(site, [csr], { order }))[0])).not.toEqual(had);
  });

  it('a key that is lost gets nothing however it is wrapped', async () => {
    const csr = make('lost', '/CN=lost.test/O=HSMONGER.TEST', undefined, ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
    given((await issue(site, [csr]))[0]);
    const { issuerKey, serial } = rows(site).findLast(({ subject }) => subject.includes('lost.test'))!;
    const ledger = openLedger(site.ledgerFile);
    revoke(ledger, { issuerKey, serial }, { at: new Date(), reason: 'keyCompromise' }, 0);
    ledger.close();
    const at = (suffix: string) => path.join(site.directory.path, `lost.${suffix}`);
    for (const form of ['compressed', 'hybrid']) {
      execFileSync('openssl', ['ec', '-in', at('key'), '-conv_form', form, '-out', at(form)], { stdio: 'pipe' });
      execFileSync('openssl', ['req', '-new', '-key', at(form), '-subj', '/CN=lost.test/O=HSMONGER.TEST', '-out', at('csr')]);
      const again = { name: form, csr: csrFromPem(readFileSync(at('csr'), 'latin1')) };
      expect(parseCsr(again.csr).spki).not.toEqual(parseCsr(csr.csr).spki);
      expect(await issue(site, [again])).toMatchObject([
        { problem: { code: 'REVOCATION_REFUSED', message: expect.stringContaining('and its key with it') as string } },
      ]);
    }
  });

  it('the token gone in the middle: what was committed is given, the rest reported, and a second run goes on', async () => {
    const csrs = Array.from({ length: 8 }, (_none, index) => make(`gone${String(index)}`, `/CN=gone${String(index)}.test/O=HSMONGER.TEST`));
    let signed = 0;
    const first = await issue(site, csrs, {
      sign: (algorithm, data) =>
        ++signed > 4 ? Promise.reject(new HsmongerError('TOKEN_NOT_FOUND', 'The token is gone.')) : site.signer(algorithm, data),
    });
    const done = first.filter((result) => 'certificate' in result);
    expect(done).toHaveLength(4);
    expect(first.filter((result) => 'problem' in result).map((result) => 'problem' in result && result.problem.code)).toEqual(
      Array(4).fill('TOKEN_NOT_FOUND'),
    );
    const second = await issue(site, csrs);
    expect(second.every((result) => 'certificate' in result)).toBe(true);
    for (const result of done) expect(second.find(({ name }) => name === result.name)).toEqual({ ...result, before: true });
    expect(rows(site).filter(({ subject }) => subject.includes('gone'))).toHaveLength(8);
  });

  it('interrupted: nothing further is begun, what is done stays', async () => {
    const csrs = Array.from({ length: 6 }, (_none, index) => make(`stop${String(index)}`, `/CN=stop${String(index)}.test/O=HSMONGER.TEST`));
    const interrupted = new AbortController();
    const results = await issue(site, csrs, {
      signal: interrupted.signal,
      sign: (algorithm, data) => {
        interrupted.abort();
        return site.signer(algorithm, data);
      },
    });
    expect(results.map((result) => ('problem' in result ? result.problem.code : 'issued'))).toEqual([
      'issued',
      ...Array<string>(5).fill('INTERRUPTED'),
    ]);
    expect(rows(site).filter(({ subject }) => subject.includes('stop'))).toHaveLength(1);
  });

  it('a signature that is none is not handed out, nor written down', async () => {
    const before = rows(site).length;
    const results = await issue(site, [make('wrong', '/CN=wrong.test/O=HSMONGER.TEST')], {
      sign: () => Promise.resolve(new Uint8Array(256)),
    });
    expect(results).toMatchObject([{ name: 'wrong', problem: { code: 'ISSUED_WRONG' } }]);
    expect(rows(site)).toHaveLength(before);
  });
});

describe('below a CA with name constraints', () => {
  let site: IssuingSite;
  beforeAll(async () => {
    const { oid, critical, value } = nameConstraintsExtension({
      permitted: ['dns:inside.test', 'dirName:O=HSMONGER.TEST'].map(nameConstraintFromText),
      excluded: [nameConstraintFromText('ip:0.0.0.0/0')],
    });
    site = await createIssuingSite({}, { extensions: [{ oid, critical, value: Buffer.from(value).toString('hex') }] });
  });
  afterAll(() => site.directory.remove());

  it('names inside are certified, names outside are not', async () => {
    const csr = request(site.directory.path, 'a', '/O=HSMONGER.TEST/CN=a.inside.test');
    const wildcard = given((await issue(site, [csr], { order: { profile: profiles.caServerCert, names: names('dns:*.inside.test') } }))[0]);
    expect(verdict(wildcard, [], [site.authority.certificate(caName).der])).toMatch(/: OK$/mu);
    for (const name of ['dns:a.outside.test', 'ip:192.0.2.1']) {
      expect(await issue(site, [csr], { order: { profile: profiles.caServerCert, names: names(name) } })).toMatchObject([
        { problem: { code: 'NAME_REFUSED', message: expect.stringContaining(name) as string } },
      ]);
    }
    expect(
      await issue(site, [csr], { order: { profile: profiles.caServerCert, subject: subjectFromText('CN=a.inside.test,O=Other') } }),
    ).toMatchObject([{ problem: { code: 'NAME_REFUSED' } }]);
    expect(await issue(site, [request(site.directory.path, 'nameless', '/', 'DNS:a.outside.test')])).toMatchObject([
      { problem: { code: 'NAME_REFUSED', message: expect.stringMatching(/^The request without a subject has the name /u) as string } },
    ]);
  });
});
