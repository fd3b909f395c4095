import { contentOf, dottedOf, elementsIn } from '../der.js';

/** Short names where OpenSSL's differ from RFC 4514's, or are more (crypto/objects/objects.txt). */
const shortNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'street',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.13': 'description',
  '2.5.4.17': 'postalCode',
  '2.5.4.42': 'GN',
  '2.5.4.43': 'initials',
  '2.5.4.46': 'dnQualifier',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
};

/** A name in one line as X509_NAME_oneline() writes it, attributes in the order of the encoding: what index.txt of `openssl ca` holds. */
export function openSslName(der: Uint8Array): string {
  return elementsIn(der)
    .flatMap(elementsIn)
    .map((attribute) => {
      const [oid = new Uint8Array(), value = Uint8Array.of(0x05, 0x00)] = elementsIn(attribute);
      const type = dottedOf(oid);
      return `/${shortNames[type] ?? type}=${[...narrow(value)].map(printed).join('')}`;
    })
    .join('');
}

/** Of a string of wide characters that are all narrow, the low octets. */
function narrow(value: Uint8Array): Uint8Array {
  const content = contentOf(value);
  const width = value[0] === 0x1e ? 2 : value[0] === 0x1c ? 4 : 1;
  return content.every((octet, at) => at % width === width - 1 || octet === 0)
    ? content.filter((_octet, at) => at % width === width - 1)
    : content;
}

function printed(octet: number): string {
  return octet >= 0x20 && octet <= 0x7e ? String.fromCharCode(octet) : `\\x${octet.toString(16).toUpperCase().padStart(2, '0')}`;
}
