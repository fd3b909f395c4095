import { HsmongerError, sentenceOf } from '../../../errors.js';
import type { Certificate, Extension } from '../../../x509/certificate.js';
import { nameText, sameName } from '../../../x509/names/name.js';
import { constrainedNames, nameOutside } from '../../../x509/names/constrained-names.js';
import { generalNameElementText } from '../../../x509/names/general-name-text.js';
import { readNameConstraints, type NameConstraints } from '../../../x509/names/name-constraints.js';
import type { Authority } from '../authority.js';
import { theRequest } from '../sound.js';

/** What the certificates of a CA and of those above it allow it to issue (RFC 5280 §6.1). */
export interface AuthorityLimits {
  /** How many CAs may stand below it; undefined: any number. */
  readonly pathLength?: number;
  /** Every one counts, with whose they are. */
  readonly constraints: readonly (NameConstraints & { readonly of: string })[];
}

export const noLimits: AuthorityLimits = { constraints: [] };

export function limitsOf({ certificate, path }: Pick<Authority, 'certificate' | 'path'>): AuthorityLimits {
  const upwards = [certificate, ...path.chain, ...path.roots.filter((root) => root !== certificate)];
  // Each CA in between takes one, self-issued ones none (§4.2.1.9).
  const left = upwards.flatMap(({ pathLength }, index) =>
    pathLength === undefined
      ? []
      : [pathLength - upwards.slice(0, index).filter(({ subject, issuer }) => !sameName(subject, issuer)).length],
  );
  return {
    ...(left.length === 0 ? {} : { pathLength: Math.min(...left) }),
    constraints: upwards.map(constraintsOf).filter(({ permitted, excluded }) => permitted.length + excluded.length > 0),
  };
}

function constraintsOf({ subject, extensions }: Certificate): AuthorityLimits['constraints'][number] {
  try {
    return { ...readNameConstraints(extensions), of: nameText(subject) };
  } catch (error) {
    throw new HsmongerError(
      'CERTIFICATE_INVALID',
      `The CA certificate of ${nameText(subject)} ${sentenceOf(error)}; what it may issue cannot be said, so it issues nothing.`,
      { cause: error },
    );
  }
}

/** NAME_REFUSED where a certificate would have a name that a CA above it must not vouch for: no client would take it. */
export function assertNamesWithin({ constraints }: AuthorityLimits, subject: Uint8Array, extensions: readonly Extension[]): void {
  if (constraints.length === 0) return;
  const names = constrainedNames(subject, extensions);
  for (const constraint of constraints) {
    const outside = nameOutside(names, constraint);
    if (outside !== undefined)
      throw new HsmongerError(
        'NAME_REFUSED',
        `${theRequest(subject)} has the name ${generalNameElementText(outside)}, which is outside the name constraints in the CA certificate of ${constraint.of}; ask for names inside them.`,
      );
  }
}
