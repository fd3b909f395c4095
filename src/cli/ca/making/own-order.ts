import { assertChoiceCounts } from '../../../config/signature-algorithm.js';
import { HsmongerError } from '../../../errors.js';
import type { KeyWish } from '../../../issuer/token/own/own-key.js';
import { parseKeyType } from '../../../pkcs11/objects/key-type.js';
import { nameConstraintFromText } from '../../../x509/names/name-constraint-text.js';
import type { NameConstraints } from '../../../x509/names/name-constraints.js';
import { isEmptyName } from '../../../x509/names/general-name.js';
import { subjectFromText } from '../../../x509/names/subject-text.js';
import type { OwnCaOptions } from './own-options.js';

/** What a CA's certificate says that its key does not. */
export interface OwnOrder {
  /** DER Name. */
  readonly subject: Uint8Array;
  readonly pathLength?: number;
  readonly nameConstraints?: NameConstraints;
}

/** The flags as an order; undefined without --subject, as when a command is run again. USAGE for what is none. */
export function ownOrder(options: OwnCaOptions): OwnOrder | undefined {
  const { subject, pathLength } = options;
  if (subject === undefined) return undefined;
  const name = subjectFromText(subject);
  if (isEmptyName(name)) throw new HsmongerError('USAGE', 'A CA must have a subject (RFC 5280 §4.1.2.6), and --subject is empty.');
  const nameConstraints = constraintsOf(options);
  return {
    subject: name,
    ...(pathLength === undefined ? {} : { pathLength }),
    ...(nameConstraints === undefined ? {} : { nameConstraints }),
  };
}

/** Undefined where no flag says any. USAGE for what is none. */
export function constraintsOf({ permit = [], exclude = [] }: Pick<OwnCaOptions, 'permit' | 'exclude'>): NameConstraints | undefined {
  if (permit.length + exclude.length === 0) return undefined;
  return { permitted: permit.map(nameConstraintFromText), excluded: exclude.map(nameConstraintFromText) };
}

/**
 * Which key; undefined where no flag says it. The key that is made has the CA's nickname as its label. USAGE for what is none, or does not
 * go with the signature chosen.
 */
export function keyWish({ key, keyType, digest, rsaSignature }: OwnCaOptions, nickname: string): KeyWish | undefined {
  if (key !== undefined) return { kind: 'existing', name: key };
  if (keyType === undefined) return undefined;
  const type = parseKeyType(keyType);
  assertChoiceCounts(type.kind, { ...(digest === undefined ? {} : { digest }), ...(rsaSignature === undefined ? {} : { rsaSignature }) });
  return { kind: 'made', type, label: nickname };
}
