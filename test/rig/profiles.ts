import * as x509 from '@peculiar/x509';

/** The extensions Dogtag's profiles give, beside the key identifiers. */
export function profileExtensions(profile: string): x509.Extension[] {
  const { KeyUsageFlags: usage } = x509;
  switch (profile) {
    case 'caCACert':
      return [
        new x509.BasicConstraintsExtension(true, undefined, true),
        keyUsage(usage.digitalSignature | usage.nonRepudiation | usage.keyCertSign | usage.cRLSign),
      ];
    case 'caOCSPCert':
      return [
        authorityInfo(),
        new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.9']),
        new x509.Extension(ocspNoCheck, false, new Uint8Array([0x05, 0x00])),
      ];
    case 'caSignedLogCert':
      return [authorityInfo(), keyUsage(usage.digitalSignature | usage.nonRepudiation)];
    case 'caSubsystemCert':
    case 'caServerCert':
      return [
        authorityInfo(),
        keyUsage(usage.digitalSignature | usage.keyEncipherment | usage.dataEncipherment),
        new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']),
      ];
    default:
      return [authorityInfo()];
  }
}

const ocspNoCheck = '1.3.6.1.5.5.7.48.1.5';

function keyUsage(flags: x509.KeyUsageFlags): x509.Extension {
  return new x509.KeyUsagesExtension(flags, true);
}

function authorityInfo(): x509.Extension {
  return new x509.AuthorityInfoAccessExtension({ ocsp: 'http://ipa-ca.hsmonger.test/ca/ocsp' });
}
