import {
  AsnArray,
  AsnIntegerArrayBufferConverter,
  AsnParser,
  AsnProp,
  AsnPropTypes,
  AsnType,
  AsnTypeTypes,
  BitString,
  OctetString,
} from '@peculiar/asn1-schema';
import { derFault } from './der.js';

/**
 * The structures of RFC 5280 and RFC 2986, only as deep as we look: names, keys, algorithms and extension values are `Any`,
 * which hands out the original bytes.
 */

const { Any, Boolean: Bool, Integer, ObjectIdentifier } = AsnPropTypes;

/** Decodes exactly one DER SEQUENCE; throws an Error whose message ends a sentence ("… is cut short"). */
export function decode<T>(bytes: Uint8Array, schema: new () => T): T {
  const fault = derFault(bytes);
  if (fault !== undefined) throw new Error(fault);
  // The library takes any constructed context-specific tag for a SEQUENCE.
  if (bytes[0] !== 0x30) throw new Error('has not the structure it should have');
  try {
    return AsnParser.parse(bytes, schema);
  } catch (error) {
    throw new Error('has not the structure it should have', { cause: error });
  }
}

export class AlgorithmIdentifierSchema {
  @AsnProp({ type: ObjectIdentifier }) algorithm = '';
  /** Null where it is NULL. */
  @AsnProp({ type: Any, optional: true }) parameters?: ArrayBuffer | null;
}

export class SubjectPublicKeyInfoSchema {
  @AsnProp({ type: AlgorithmIdentifierSchema }) algorithm = new AlgorithmIdentifierSchema();
  @AsnProp({ type: BitString }) publicKey = new BitString();
}

export class ExtensionSchema {
  @AsnProp({ type: ObjectIdentifier }) oid = '';
  @AsnProp({ type: Bool, defaultValue: false }) critical = false;
  @AsnProp({ type: OctetString }) value = new OctetString();
}

@AsnType({ type: AsnTypeTypes.Sequence, itemType: ExtensionSchema })
export class ExtensionsSchema extends AsnArray<ExtensionSchema> {}

class ValiditySchema {
  @AsnProp({ type: Any }) notBefore = new ArrayBuffer(0);
  @AsnProp({ type: Any }) notAfter = new ArrayBuffer(0);
}

export class TbsCertificateSchema {
  @AsnProp({ type: Integer, context: 0, defaultValue: 0 }) version = 0;
  @AsnProp({ type: Integer, converter: AsnIntegerArrayBufferConverter }) serial = new ArrayBuffer(0);
  @AsnProp({ type: Any }) signatureAlgorithm = new ArrayBuffer(0);
  @AsnProp({ type: Any }) issuer = new ArrayBuffer(0);
  @AsnProp({ type: ValiditySchema }) validity = new ValiditySchema();
  @AsnProp({ type: Any }) subject = new ArrayBuffer(0);
  @AsnProp({ type: Any }) spki = new ArrayBuffer(0);
  @AsnProp({ type: AsnPropTypes.BitString, context: 1, implicit: true, optional: true }) issuerUniqueId?: ArrayBuffer;
  @AsnProp({ type: AsnPropTypes.BitString, context: 2, implicit: true, optional: true }) subjectUniqueId?: ArrayBuffer;
  @AsnProp({ type: ExtensionsSchema, context: 3, optional: true }) extensions?: ExtensionsSchema;
}

export class BasicConstraintsSchema {
  @AsnProp({ type: Bool, defaultValue: false }) ca = false;
  @AsnProp({ type: Integer, optional: true }) pathLength?: number;
}

@AsnType({ type: AsnTypeTypes.Sequence, itemType: ObjectIdentifier })
export class ObjectIdentifiersSchema extends AsnArray<string> {}

export class RsaPssParametersSchema {
  @AsnProp({ type: AlgorithmIdentifierSchema, context: 0, optional: true }) hash?: AlgorithmIdentifierSchema;
  @AsnProp({ type: AlgorithmIdentifierSchema, context: 1, optional: true }) maskGeneration?: AlgorithmIdentifierSchema;
  @AsnProp({ type: Integer, context: 2, defaultValue: 20 }) saltLength = 20;
  @AsnProp({ type: Integer, context: 3, defaultValue: 1 }) trailer = 1;
}
