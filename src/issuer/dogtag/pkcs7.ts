import { contentOf, derFault, elementsIn } from '../../x509/der.js';

const certificatesTag = 0xa0;

/** The DER in base64 text, with or without PEM's lines around it; undefined for anything else. */
export function bytesOf(text: string): Uint8Array | undefined {
  const body = text.replace(/-----[A-Z0-9 ]+-----/gu, '').replace(/\s/gu, '');
  return body !== '' && /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u.test(body)
    ? Uint8Array.from(Buffer.from(body, 'base64'))
    : undefined;
}

/** The certificates of a PKCS#7 certs-only message (RFC 5652 §5.1), DER each; none where it is not one. */
export function certificatesIn(pkcs7: Uint8Array): Uint8Array[] {
  if (derFault(pkcs7) !== undefined) return [];
  try {
    const [, content] = elementsIn(pkcs7);
    const parts = content === undefined ? [] : elementsIn(contentOf(content));
    const bag = parts.find(([tag]) => tag === certificatesTag);
    return bag === undefined ? [] : elementsIn(bag);
  } catch {
    return [];
  }
}
