import { contentOf, derFault, elementsIn } from '../der.js';
import { nameFault } from './name.js';

/**
 * What is wrong with a GeneralName's element, by its tag (RFC 5280 §4.2.1.6); a tag that is not here names nothing a certificate of ours
 * may say.
 */
const faults: Readonly<Record<number, (element: Uint8Array) => boolean>> = {
  // rfc822Name, dNSName, uniformResourceIdentifier
  0x81: isNoText,
  0x82: isNoText,
  0x86: isNoText,
  // iPAddress: masks (8 and 32 octets) are for name constraints alone.
  0x87: (element) => ![4, 16].includes(contentOf(element).length),
  // registeredID: the last octet of an arc has its high bit clear (X.690 §8.19.2).
  0x88: (element) => (contentOf(element).at(-1) ?? 0x80) >= 0x80,
  // otherName: a type and an explicitly tagged value.
  0xa0: (element) =>
    elementsIn(element)
      .map(([tag]) => tag)
      .join() !== '6,160' || elementsIn(element).some((part) => part.length === 2),
  // directoryName: explicitly tagged, because a Name is a CHOICE.
  0xa4: (element) => nameFault(contentOf(element)) !== undefined,
};

/** Printable IA5 only: a NUL or a line break reads as the end of the name in programs written in C. */
function isNoText(element: Uint8Array): boolean {
  const content = contentOf(element);
  return content.length === 0 || content.some((octet) => octet < 0x20 || octet > 0x7e);
}

/** Why `der` is not GeneralNames, as the end of a sentence; undefined when it is. */
export function generalNamesFault(der: Uint8Array): string | undefined {
  const fault = derFault(der);
  if (fault !== undefined) return fault;
  const names = der[0] === 0x30 ? elementsIn(der) : [];
  if (names.length === 0) return 'names nothing';
  return names.every((name) => faults[name[0] ?? 0]?.(name) === false) ? undefined : 'holds something that is no name';
}
