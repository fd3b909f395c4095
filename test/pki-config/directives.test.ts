import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { directiveOf, withDirective } from '../../src/pki-config/directives.js';

/** Lines as Dogtag 10.10 writes them, certificate values shortened. */
const sample = [
  '_000=##',
  '_001=## Certificate Authority (CA) Configuration File',
  'CrossCertPair._000=##',
  'archive.configuration_file=true',
  'auths.instance.AgentCertAuth.agentGroup=Certificate Manager Agents',
  'ca.audit_signing.cert=MIIDpDCCAoygAwIBAgIBBTANBg==',
  'ca.audit_signing.certreq=MIIClzCCAX8CAQAw',
  'ca.audit_signing.nickname=auditSigningCert cert-pki-ca',
  'ca.connector.KRA.transportCert=MIIDqTCCApGgAwIBAgIBBzANBg==',
  'ca.signing.cert=MIIDsDCCApigAwIBAgIBATANBg==',
  'ca.signing.certnickname=caSigningCert cert-pki-ca',
  'log.instance.SignedAudit.filters.CMC_SIGNED_REQUEST_SIG_VERIFY=(Outcome=Failure)',
  '',
].join('\n');

describe('a directive', () => {
  test.each([
    ['ca.signing.cert', 'MIIDsDCCApigAwIBAgIBATANBg=='],
    ['ca.audit_signing.cert', 'MIIDpDCCAoygAwIBAgIBBTANBg=='],
    ['log.instance.SignedAudit.filters.CMC_SIGNED_REQUEST_SIG_VERIFY', '(Outcome=Failure)'],
    ['ca.signing', undefined],
    ['signing.cert', undefined],
    ['ca_signing_cert', undefined],
  ])('%s is read by its whole name, its value up to the end of the line', (name, value) => {
    expect(directiveOf(sample, name)).toBe(value);
  });

  test('is changed, and every other byte stays', () => {
    expect(withDirective(sample, 'ca.signing.cert', 'NEW==')).toBe(sample.replace('MIIDsDCCApigAwIBAgIBATANBg==', 'NEW=='));
  });

  test('that is not there is not added', () => {
    expect(withDirective(sample, 'ca.ocsp_signing.cert', 'NEW==')).toBe(sample);
  });

  test.each([
    ['# ca.signing.cert=a\n', '# ca.signing.cert=a\n'],
    ['!ca.signing.cert=a\n', '!ca.signing.cert=a\n'],
    ['ca.signing.cert = a \r\nx=y', 'ca.signing.cert = NEW \r\nx=y'],
    ['ca.signing.cert=', 'ca.signing.cert=NEW'],
    ['ca.signing.cert=a\nca.signing.cert=b\n', 'ca.signing.cert=NEW\nca.signing.cert=NEW\n'],
    ['ca.signing.cert\n', 'ca.signing.cert\n'],
    ['\n\n\rca.signing.cert=$&\n', '\n\n\rca.signing.cert=NEW\n'],
  ])('in %j comes out as %j', (before, after) => {
    expect(withDirective(before, 'ca.signing.cert', 'NEW')).toBe(after);
  });
});

const base64 = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const anyLine = fc.oneof(
  fc.stringMatching(/^[ -~\x80-\xff]{0,40}$/u),
  fc
    .tuple(fc.constantFrom('ca.signing.cert', 'ca.signing.certreq', 'kra.signing.cert', 'a'), fc.constantFrom('=', ' = ', '=\t'), base64)
    .map((parts) => parts.join('')),
);
const anyFile = fc
  .array(fc.tuple(anyLine, fc.constantFrom('\n', '\r\n', '\r')).map((parts) => parts.join('')))
  .map((lines) => lines.join(''));

test('whatever the file holds: the value is read back, no other directive changes, as many lines end the same way', () => {
  fc.assert(
    fc.property(anyFile, base64, (content, value) => {
      const changed = withDirective(content, 'ca.signing.cert', value);
      const had = directiveOf(content, 'ca.signing.cert');
      expect(directiveOf(changed, 'ca.signing.cert')).toBe(had === undefined ? undefined : value);
      for (const other of ['ca.signing.certreq', 'kra.signing.cert', 'a'])
        expect(directiveOf(changed, other)).toBe(directiveOf(content, other));
      expect(changed.match(/[\r\n]+/gu)).toEqual(content.match(/[\r\n]+/gu));
      expect(withDirective(changed, 'ca.signing.cert', value)).toBe(changed);
      if (had === undefined) expect(changed).toBe(content);
    }),
    { numRuns: 2000 },
  );
});

test('changed there and back it is the same file', () => {
  fc.assert(
    fc.property(anyFile, base64, base64, (content, old, value) => {
      const file = `${content}${/[\r\n]$|^$/u.test(content) ? '' : '\n'}ca.x.cert=${old}\n`;
      expect(withDirective(withDirective(file, 'ca.x.cert', value), 'ca.x.cert', old)).toBe(file);
    }),
  );
});
