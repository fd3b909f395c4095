/** Names as getcert has them (RFC 5280 §4.2.1.3; oiddict.c). */
const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
];

const extendedKeyUsages: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': 'id-kp-serverAuth',
  '1.3.6.1.5.5.7.3.2': 'id-kp-clientAuth',
  '1.3.6.1.5.5.7.3.3': 'id-kp-codeSigning',
  '1.3.6.1.5.5.7.3.4': 'id-kp-emailProtection',
  '1.3.6.1.5.5.7.3.8': 'id-kp-timeStamping',
  '1.3.6.1.5.5.7.3.9': 'id-kp-OCSPSigning',
  '1.3.6.1.5.2.3.4': 'id-pkinit-KPClientAuth',
  '1.3.6.1.5.2.3.5': 'id-pkinit-KPKdc',
  '1.3.6.1.4.1.311.20.2.2': 'id-ms-kp-sc-logon',
};

/** From certmonger's bit string, '11000'. */
export function keyUsageNames(bits: string): string[] {
  return keyUsages.filter((_name, bit) => bits[bit] === '1');
}

/** The name of a dotted OID, or the OID itself. */
export function extendedKeyUsageName(oid: string): string {
  return extendedKeyUsages[oid] ?? oid;
}
