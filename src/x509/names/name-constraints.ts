import type { Extension } from '../certificate.js';
import { contentOf, derFault, element, elementsIn, sequence } from '../der.js';
import { findExtension } from '../extensions/extensions.js';
import { oids } from '../oids.js';

/** Subtrees of names, each the DER GeneralName element of its base (RFC 5280 §4.2.1.10). */
export interface NameConstraints {
  /** None of a kind: every name of that kind. */
  readonly permitted: readonly Uint8Array[];
  readonly excluded: readonly Uint8Array[];
}

const permittedTag = 0xa0;
const excludedTag = 0xa1;

/** For a CA's certificate alone; always critical. At least one subtree. */
export function nameConstraintsExtension({ permitted, excluded }: NameConstraints): Extension {
  const list = (tag: number, bases: readonly Uint8Array[]) =>
    bases.length === 0 ? [] : [element(tag, ...bases.map((base) => sequence(base)))];
  return { oid: oids.nameConstraints, critical: true, value: sequence(...list(permittedTag, permitted), ...list(excludedTag, excluded)) };
}

/** What a CA's certificate says of the names below it; throws an Error whose message ends a sentence for what is no such extension. */
export function readNameConstraints(extensions: readonly Extension[]): NameConstraints {
  const found = findExtension(extensions, oids.nameConstraints);
  if (found === undefined) return { permitted: [], excluded: [] };
  const fault = derFault(found.value);
  if (fault !== undefined) throw new Error(`has name constraints that cannot be read: they ${fault}`);
  const lists = found.value[0] === 0x30 ? elementsIn(found.value) : [];
  if (lists.length === 0 || lists.some(([tag]) => tag !== permittedTag && tag !== excludedTag))
    throw new Error('has name constraints that cannot be read');
  const bases = (tag: number) =>
    lists
      .filter(([own]) => own === tag)
      .flatMap(elementsIn)
      .map(baseOf);
  return { permitted: bases(permittedTag), excluded: bases(excludedTag) };
}

/** RFC 5280 has no use for minimum and maximum: a subtree that has them is not one we can apply. */
function baseOf(subtree: Uint8Array): Uint8Array {
  const [base, ...more] = subtree[0] === 0x30 ? elementsIn(subtree) : [];
  if (base === undefined || more.length > 0 || contentOf(subtree).length === 0)
    throw new Error('has name constraints with distances, which RFC 5280 does not use');
  return base;
}
