import { contentOf, derFault, elementsIn } from './der.js';
import type { Signed } from './signature.js';

/**
 * The three parts of a certificate or a request (RFC 5280 §4.1.1, RFC 2986 §4.2). Taken apart here, because the library would decode
 * everything inside them, and then again when the first part is read. Throws an Error whose message ends a sentence, as decode() does.
 * `most`: see derFault().
 */
export function splitSigned(der: Uint8Array, most?: number): Signed {
  const fault = derFault(der, most);
  if (fault !== undefined) throw new Error(fault);
  const [data, algorithm, signature, ...more] = der[0] === 0x30 ? elementsIn(der) : [];
  if (data === undefined || algorithm === undefined || signature?.[0] !== 0x03 || more.length > 0)
    throw new Error('has not the structure it should have');
  const bits = contentOf(signature);
  if (bits[0] !== 0) throw new Error('has a signature that is not whole octets');
  return { data, algorithm, signature: bits.slice(1) };
}
