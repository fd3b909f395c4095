import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { createInstance } from '../../rig/instance.js';
import { caNickname, createOpensslAuthority, openssl, schemes, type OpensslAuthority, type Scheme } from '../../rig/openssl-authority.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { createSoftToken } from '../../rig/soft-token.js';
import { hsmonger } from '../site.js';

/**
 * Who verifies the signature on a CRL:
 * | CA key | openssl | certtool | crlutil (NSS) |
 * |---|---|---|---|
 * | RSA PKCS#1, RSA-PSS, P-256, P-384 | yes | yes | yes |
 * | Ed25519 | yes | yes | no: NSS has no Ed25519 certificates |
 */
const nssKnows: Readonly<Record<Scheme, boolean>> = { 'RSA PKCS#1': true, 'RSA-PSS': true, 'P-256': true, 'P-384': true, Ed25519: false };

describe.each(Object.keys(schemes) as Scheme[])('a CA with %s', (scheme) => {
  let home: PrivateDirectory;
  let authority: OpensslAuthority;
  let here: readonly string[];
  let leaf: string;
  let other: string;
  const file = (name: string) => path.join(home.path, name);

  beforeAll(async () => {
    home = privateDirectory('crl');
    const token = await createSoftToken({ directory: home.path, owner: ensureServiceUser() });
    authority = await createOpensslAuthority(home.path, token, scheme);
    const { configDir, stateDir } = createInstance({
      directory: home.path,
      token,
      certificates: [],
      extra: { issuer: schemes[scheme].issuer },
      issuerCertificate: caNickname,
    });
    here = ['--config-dir', configDir, '--state-dir', stateDir];
    leaf = await authority.issue('leaf', { serial: '80ff01' });
    other = await authority.issue('other');
  }, 60_000);
  afterAll(() => {
    home.remove();
  });

  const crlText = (crl: string, ...more: string[]) =>
    openssl('crl', ...(crl.endsWith('.pem') ? [] : ['-inform', 'DER']), '-in', crl, '-noout', '-text', ...more);

  test('an empty list is one every judge takes', async () => {
    const said = await hsmonger('ca', 'crl', '--out', file('empty.pem'), '--days', '7', ...here);
    expect(said.exitCode, said.err).toBe(0);
    expect(said.out).toMatch(/CRL 1 of .*My Company Root CA.*, 0 entries/u);
    expect(crlText(file('empty.pem'))).toMatch(/No Revoked Certificates/u);
    judge(file('empty.pem'));
    expect(openssl('verify', '-x509_strict', '-crl_check_all', '-CAfile', authority.ca, '-CRLfile', file('empty.pem'), leaf)).toMatch(
      /OK/u,
    );
  });

  test('a revoked one is refused by who looks at the list, with reason and date; the other is not', async () => {
    const said = await hsmonger('ca', 'revoke', leaf, '--reason', 'keycompromise', '--invalidity', '2026-03-01', '--json', ...here);
    expect(said.exitCode, said.err).toBe(0);
    expect(JSON.parse(said.out)).toMatchObject({
      serial: '0080ff01',
      change: 'revoked',
      reason: 'keyCompromise',
      invalidity: '2026-03-01T00:00:00.000Z',
    });
    expect((await hsmonger('ca', 'revoke', other, ...here)).exitCode).toBe(0);
    expect((await hsmonger('ca', 'crl', '--out', file('root.crl'), ...here)).exitCode).toBe(0);
    expect(statSync(file('root.crl'))).toMatchObject({ uid: 0, mode: 0o100644 });
    const text = crlText(file('root.crl'));
    expect(text).toMatch(
      /Serial Number: 80FF01\n\s+Revocation Date: .*\n\s+CRL entry extensions:\n\s+X509v3 CRL Reason Code: ?\n\s+Key Compromise\n\s+Invalidity Date: ?\n\s+Mar {2}1 00:00:00 2026 GMT/u,
    );
    // Absent rather than unspecified (RFC 5280 §5.3.1).
    expect(text).toMatch(new RegExp(`Serial Number: ${authority.serialOf(other)}\\n\\s+Revocation Date: [^\\n]*\\n\\s+Signature`, 'u'));
    expect(text).toMatch(/Version 2 \(0x1\)/u);
    expect(text).toMatch(/X509v3 Authority Key Identifier/u);
    expect(text).toMatch(/X509v3 CRL Number: ?\n\s+2\n/u);
    judge(file('root.crl'));
    writeFileSync(file('root.crl.pem'), openssl('crl', '-inform', 'DER', '-in', file('root.crl')));
    const verified = spawnSync('openssl', ['verify', '-crl_check_all', '-CAfile', authority.ca, '-CRLfile', file('root.crl.pem'), leaf], {
      encoding: 'utf8',
    });
    expect(verified.stderr + verified.stdout).toMatch(/certificate revoked/u);
  });

  function judge(crl: string): void {
    const inform = crl.endsWith('.pem') ? [] : ['-inform', 'DER'];
    expect(spawnSync('openssl', ['crl', ...inform, '-in', crl, '-noout', '-CAfile', authority.ca], { encoding: 'utf8' }).stderr).toMatch(
      /verify OK/u,
    );
    const pem = `${crl}.judged.pem`;
    writeFileSync(pem, openssl('crl', ...inform, '-in', crl));
    const gnutls = spawnSync('certtool', ['--verify-crl', '--load-ca-certificate', authority.ca, '--infile', pem], { encoding: 'utf8' });
    expect(gnutls.stdout + gnutls.stderr).toMatch(/Verification output: Verified\./u);
    expect(gnutls.status).toBe(0);
    const der = `${crl}.der`;
    writeFileSync(der, execFileSync('openssl', ['crl', ...inform, '-in', crl, '-outform', 'DER']));
    const nss = path.join(home.path, `nss-${path.basename(crl)}`);
    mkdirSync(nss);
    execFileSync('certutil', ['-N', '-d', nss, '--empty-password']);
    const trusted = spawnSync('certutil', ['-A', '-d', nss, '-n', 'root', '-t', 'CT,C,C', '-i', authority.ca], { encoding: 'utf8' });
    // Where NSS learns it, the table is to say so.
    expect(trusted.status === 0, trusted.stderr).toBe(nssKnows[scheme]);
    if (!nssKnows[scheme]) return;
    const imported = spawnSync('crlutil', ['-I', '-d', nss, '-i', der], { encoding: 'utf8' });
    expect(imported.status, imported.stdout + imported.stderr).toBe(0);
    const chain = spawnSync('vfychain', ['-d', nss, '-u', '0', '-a', leaf], { encoding: 'utf8' });
    expect(chain.stdout + chain.stderr).toMatch(
      crl.endsWith('empty.pem') ? /Chain is good/u : /Peer's Certificate has been revoked|REVOKED/u,
    );
  }

  // The number is none of the key's.
  if (scheme === 'P-256')
    test('what is published only ever gets a higher number', async () => {
      const published = readFileSync(file('root.crl'));
      // A ledger from before it: what a restored backup looks like.
      const restored = ['--state-dir', file('restored-state'), ...here.slice(0, 2)];
      const made = await hsmonger('ca', 'crl', '--out', file('root.crl'), '--json', ...restored);
      expect(JSON.parse(made.out)).toMatchObject({ number: '3', entries: 2, takenOver: 2 });
      expect(made.err).toContain('2 revocations on the published CRL were unknown to the ledger');
      // Who was on a CRL does not drop off the next one, and the ledger knows it from now on.
      const text = crlText(file('root.crl'));
      expect(text).toMatch(/Serial Number: 80FF01\n.*\n.*\n.*Reason Code: ?\n\s+Key Compromise\n\s+Invalidity Date: ?\n\s+Mar {2}1/u);
      expect(text).toContain(`Serial Number: ${authority.serialOf(other)}`);
      expect(JSON.parse((await hsmonger('ca', 'crl', '--json', ...restored)).out)).toMatchObject({ number: '4', entries: 2, takenOver: 0 });
      expect((await hsmonger('ca', 'revoke', leaf, ...restored)).err).toMatch(/was revoked already, at .*keyCompromise/u);
      writeFileSync(file('copy.crl'), published);
      expect((await hsmonger('ca', 'crl', '--above', file('copy.crl'), '--above', '0x1f', '--json', ...here)).out).toMatch(
        /"number": "32"/u,
      );
      // Both at once: each its own number, and the later one stays.
      const both = await Promise.all([
        hsmonger('ca', 'crl', '--out', file('root.crl'), ...here),
        hsmonger('ca', 'crl', '--out', file('root.crl'), ...here),
      ]);
      expect(both.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
      expect(crlText(file('root.crl'))).toMatch(/CRL Number: ?\n\s+34\n/u);
    });

  if (scheme === 'P-256')
    test('what was published for good stays so, though the ledger is from before and tells of a hold or of its end', async () => {
      const certificates = [await authority.issue('held before'), await authority.issue('free before')] as const;
      const [heldBefore, freeBefore] = certificates;
      for (const certificate of certificates)
        expect((await hsmonger('ca', 'revoke', certificate, '--reason', 'certificateHold', ...here)).exitCode).toBe(0);
      expect((await hsmonger('ca', 'unrevoke', freeBefore, ...here)).exitCode).toBe(0);
      const before = ['--state-dir', file('state-before'), ...here.slice(0, 2)];
      execFileSync('cp', ['-a', here.at(-1)!, file('state-before')]);
      for (const certificate of certificates)
        expect((await hsmonger('ca', 'revoke', certificate, '--reason', 'keyCompromise', ...here)).exitCode).toBe(0);
      expect((await hsmonger('ca', 'crl', '--out', file('final.crl'), ...here)).exitCode).toBe(0);
      const made = await hsmonger('ca', 'crl', '--out', file('final.crl'), '--json', ...before);
      expect(JSON.parse(made.out), made.err).toMatchObject({ takenOver: 2 });
      for (const certificate of certificates)
        expect(crlText(file('final.crl'))).toMatch(
          new RegExp(`Serial Number: ${authority.serialOf(certificate)}\\n.*\\n.*\\n.*Reason Code: ?\\n\\s+Key Compromise\\n`, 'u'),
        );
      expect((await hsmonger('ca', 'unrevoke', heldBefore, ...before)).err).toMatch(/revoked for good/u);
    });

  /** openssl's list of one revocation, signed with the same key. */
  const opensslCrl = (name: string, reason: string, extensions: string) => {
    const home = file(`openssl-${name}`);
    mkdirSync(home);
    writeFileSync(path.join(home, 'index.txt'), `R\t301231235959Z\t261101000000Z${reason}\t4711\tunknown\t/CN=x\n`);
    writeFileSync(path.join(home, 'crlnumber'), '0F00\n');
    const lines = ['database = index.txt', 'crlnumber = crlnumber', 'default_md = sha256', 'default_crl_days = 9', 'crl_extensions = list'];
    writeFileSync(path.join(home, 'conf'), `[ca]\ndefault_ca = one\n[one]\n${lines.join('\n')}\n[list]\n${extensions}\n`);
    const pem = execFileSync('openssl', ['ca', '-gencrl', '-config', 'conf', '-keyfile', file('ca.key'), '-cert', authority.ca], {
      cwd: home,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    writeFileSync(file(name), pem);
    return file(name);
  };

  if (scheme === 'P-256')
    test('of another CRL of this key only what is revoked by it is taken over, and nothing of one that lists a part only', async () => {
      const fresh = (name: string) => ['--state-dir', file(name), ...here.slice(0, 2)];
      const taken = async (crl: string, state: string) => {
        const { exitCode, out, err } = await hsmonger('ca', 'crl', '--above', crl, '--json', ...fresh(state));
        return exitCode === 0 ? (JSON.parse(out) as { takenOver: number }).takenOver : err;
      };
      const number = 'authorityKeyIdentifier=keyid';
      expect(await taken(opensslCrl('whole.pem', '', number), 'whole')).toBe(1);
      expect(await taken(opensslCrl('ended.pem', ',removeFromCRL', number), 'ended')).toBe(0);
      const delta = opensslCrl('delta.pem', '', `${number}\n2.5.29.27=critical,DER:020101`);
      expect(crlText(delta)).toMatch(/Delta CRL Indicator: critical/u);
      expect(await taken(delta, 'delta')).toMatch(/2\.5\.29\.27, which makes it a delta CRL/u);
      const part = opensslCrl('part.pem', '', `${number}\nissuingDistributionPoint=critical,@part\n[part]\nonlyuser=TRUE`);
      expect(await taken(part, 'part')).toMatch(/is not a CRL of all that is revoked: it has the extension 2\.5\.29\.28\./u);
    });

  if (scheme === 'P-256')
    test('an expired one stays until a CRL with it was published, not only signed', async () => {
      const brief = await authority.issue('brief', { days: -1 });
      const lists = (crl: string) => crlText(crl).includes(`Serial Number: ${authority.serialOf(brief)}`);
      const publish = () => hsmonger('ca', 'crl', '--out', file('brief.crl'), ...here);
      expect((await publish()).exitCode).toBe(0);
      expect((await hsmonger('ca', 'revoke', brief, '--reason', 'superseded', ...here)).exitCode).toBe(0);
      // A CRL's time is of whole seconds.
      await sleep(1100);
      // One that was signed, and is not in the file: as after a kill before it was written.
      expect((await hsmonger('ca', 'crl', ...here)).exitCode).toBe(0);
      for (const listed of [true, false]) {
        expect((await publish()).exitCode).toBe(0);
        expect(lists(file('brief.crl'))).toBe(listed);
      }
      // Where nothing is published yet, as little is known.
      expect((await hsmonger('ca', 'crl', '--out', file('elsewhere.crl'), ...here)).exitCode).toBe(0);
      expect(lists(file('elsewhere.crl'))).toBe(true);
    });

  if (scheme === 'P-256')
    test('a number with octets of one digit is read octet by octet, and one that nothing could follow is refused', async () => {
      expect((await hsmonger('ca', 'revoke', '80:ff:1', ...here)).err).toMatch(/The certificate 0080ff01 .* was revoked already/u);
      const most = (2n ** 159n - 2n).toString();
      expect(await hsmonger('ca', 'crl', '--above', most, ...here)).toMatchObject({
        exitCode: 2,
        err: expect.stringMatching(/would leave no number for the CRLs to come/u) as string,
      });
      expect((await hsmonger('ca', 'crl', '--json', ...here)).exitCode).toBe(0);
    });
});
