import { describe, expect, test } from 'vitest';
import { parseListing } from '../../src/nss/certificates.js';
import { internalTokenName, moduleName, parseModules } from '../../src/nss/modules.js';
import { sameTrust, trustOf } from '../../src/nss/trust.js';

const listing = `
Certificate Nickname                                         Trust Attributes
                                                             SSL,S/MIME,JAR/XPI

caSigningCert cert-pki-ca                                    CTu,Cu,Cu
auditSigningCert cert-pki-ca                                 u,u,Pu
softhsm_token:Prüfstelle, OU=a  b                            ,,   
a nickname that is a good deal longer than the column certutil has for it CT,C,C
`;

const fipsModules = `
Listing of PKCS #11 Modules
-----------------------------------------------------------
  1. NSS Internal FIPS PKCS #11 Module
	   uri: pkcs11:library-manufacturer=Mozilla%20Foundation;library-version=3.87
	 slots: 1 slot attached
	status: loaded

	 slot: NSS FIPS 140-2 User Private Key Services
	token: NSS FIPS 140-2 Certificate DB
	  uri: pkcs11:token=NSS%20FIPS%20140-2%20Certificate%20DB

  2. lib hsm. v2
	library name: /opt/hsm/lib hsm.so
	   uri: pkcs11:library-manufacturer=Nobody
	 slots: There are no slots attached to this module
	status: Not loaded
-----------------------------------------------------------
`;

test('nicknames with blanks, commas and UTF-8 are told from their trust', () => {
  expect(parseListing(listing)).toEqual([
    { nickname: 'caSigningCert cert-pki-ca', trust: 'CTu,Cu,Cu' },
    { nickname: 'auditSigningCert cert-pki-ca', trust: 'u,u,Pu' },
    { nickname: 'softhsm_token:Prüfstelle, OU=a  b', trust: ',,' },
    { nickname: 'a nickname that is a good deal longer than the column certutil has for it', trust: 'CT,C,C' },
  ]);
});

test('a FIPS database names its internal token otherwise, and a module that failed to load is not loaded', () => {
  const modules = parseModules(fipsModules);
  expect(modules).toEqual([
    { name: 'NSS Internal FIPS PKCS #11 Module', loaded: true, tokens: ['NSS FIPS 140-2 Certificate DB'] },
    { name: 'lib hsm. v2', library: '/opt/hsm/lib hsm.so', loaded: false, tokens: [] },
  ]);
  expect(internalTokenName(modules)).toBe('NSS FIPS 140-2 Certificate DB');
});

test.each([
  ['/usr/lib/softhsm/libsofthsm2.so', 'libsofthsm2'],
  ['/opt/nfast/toolkits/pkcs11/libcknfast.so.1.2', 'libcknfast'],
  ['/usr/lib/p11.somodule.so', 'p11.somodule'],
])('%s is registered as %s', (library, name) => {
  expect(moduleName(library)).toBe(name);
});

describe('trust', () => {
  test.each([
    ['caCACert', 'CTu,Cu,Cu'],
    ['caOCSPCert', 'u,u,u'],
    ['caSignedLogCert', 'u,u,Pu'],
    ['caAuditSigningCert', 'u,u,Pu'],
    ['caServerCert', 'u,u,u'],
  ])('%s asks for %s', (profile, trust) => {
    expect(trustOf(profile)).toBe(trust);
  });

  test('u is not compared, for NSS adds it wherever it sees the key', () => {
    expect(sameTrust('CTu,Cu,Cu', 'CT,C,C')).toBe(true);
    expect(sameTrust('u,u,Pu', ',,')).toBe(false);
  });
});
