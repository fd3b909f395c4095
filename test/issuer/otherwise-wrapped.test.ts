import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { assertKeyNotWithdrawn } from '../../src/issuer/token/revocation/withdrawn.js';
import type { Database } from '../../src/ledger/database.js';
import { insertIssued } from '../../src/ledger/issued.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { endHold, revoke } from '../../src/ledger/revocation.js';
import { elementsIn, objectIdentifier, sequence } from '../../src/x509/der.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { keyFingerprint } from '../../src/x509/public-key.js';
import { fingerprintsOf } from '../../src/x509/wrappings.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { openssl, withFile } from '../x509/openssl.js';

let directory: PrivateDirectory;
let ledger: Database;
const at = new Date('2026-03-01T00:00:00Z');
const id = { issuerKey: 'aa', serial: '4001' };

beforeEach(() => {
  directory = privateDirectory('wrapped');
  ledger = openLedger(path.join(directory.path, 'ledger.sqlite'));
});
afterEach(() => {
  ledger.close();
  directory.remove();
});

/** An RSA key bound to RSA-PSS with this digest, as openssl makes it, and a certificate of it. */
function boundKey(digest: string) {
  const options = ['rsa_keygen_bits:2048', `rsa_pss_keygen_md:${digest}`, `rsa_pss_keygen_mgf1_md:${digest}`, 'rsa_pss_keygen_saltlen:32'];
  const key = openssl(['genpkey', '-algorithm', 'RSA-PSS', ...options.flatMap((option) => ['-pkeyopt', option])]);
  const made = withFile(key, (name) => openssl(['req', '-x509', '-key', name, '-subj', '/CN=bound', '-outform', 'DER']));
  return parseCertificate(Uint8Array.from(made));
}

const partsOf = (spki: Uint8Array) => elementsIn(spki) as [Uint8Array, Uint8Array];

it('a key that is lost, or held, with parameters of RSA-PSS is so in every other wrapping, and no other key is', () => {
  const { der, spki } = boundKey('sha256');
  const another = boundKey('sha384');
  insertIssued(ledger, {
    ...id,
    request: 'r1',
    profile: 'caServerCert',
    subject: 'CN=bound',
    subjectKey: keyFingerprint(spki),
    notBefore: at,
    notAfter: at,
    certificate: der,
    issuedAt: at,
    uid: 17,
  });
  const [, bits] = partsOf(spki);
  const asked = [
    spki,
    sequence(sequence(objectIdentifier('1.2.840.113549.1.1.1'), Uint8Array.of(5, 0)), bits),
    sequence(sequence(objectIdentifier('1.2.840.113549.1.1.10')), bits),
    sequence(partsOf(another.spki)[0], bits),
  ];
  const check = (key: Uint8Array) => () => {
    assertKeyNotWithdrawn(ledger, fingerprintsOf(key));
  };
  const all = (refused: RegExp | undefined) => {
    for (const key of asked)
      if (refused === undefined) expect(check(key)).not.toThrow();
      else expect(check(key)).toThrow(refused);
    expect(check(another.spki)).not.toThrow();
  };
  all(undefined);
  revoke(ledger, id, { at, reason: 'certificateHold' }, 17);
  all(/is on hold: 4001/u);
  endHold(ledger, id, at, 17);
  all(undefined);
  revoke(ledger, id, { at, reason: 'keyCompromise' }, 17);
  all(/gets no certificate any more: 4001 was revoked/u);
});
