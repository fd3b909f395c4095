import type { CaConfig } from '../../../config/instance.js';
import { HsmongerError } from '../../../errors.js';
import { element, objectIdentifier, sequence } from '../../../x509/der.js';
import { nameText, parseName, sameText, type Attribute } from '../../../x509/names/name.js';
import { attributeType } from '../../../x509/names/name-text.js';
import { theRequest } from '../sound.js';

/**
 * The subject a request gets under a policy, as openssl-ca(1), POLICY FORMAT, says: the fields the policy names, in its order, the others
 * silently left out; one that must match is the CA's own, octet for octet. An empty policy takes the subject whole. NAME_REFUSED where a
 * field is missing or another than the CA's.
 */
export function underPolicy(policy: CaConfig['policy'], subject: Uint8Array, issuer: Uint8Array): Uint8Array {
  const fields = Object.entries(policy);
  if (fields.length === 0) return subject;
  const [wanted, own] = [subject, issuer].map((name) => parseName(name)?.flat() ?? []);
  const taken = fields.flatMap(([field, demand]): readonly Attribute[] => {
    const type = attributeType(field);
    if (type === undefined)
      throw new HsmongerError(
        'CONFIG_INVALID',
        `[ca] policy names a field '${field}', which is not known here; write it as openssl does (organizationName), as RFC 4514 (O), or its dotted number.`,
      );
    const given = (wanted ?? []).filter((attribute) => attribute.type === type);
    switch (demand) {
      case 'optional':
        return given;
      case 'supplied':
        if (given.length === 0) throw refused(subject, `has no ${field}, which the CA's policy wants`);
        return given;
      case 'match': {
        const present = (own ?? []).filter((attribute) => attribute.type === type);
        if (present.length === 0)
          throw new HsmongerError(
            'CONFIG_INVALID',
            `[ca] policy wants ${field} to match the CA's own, and the CA ${nameText(issuer)} has none; ask for 'supplied' or 'optional'.`,
          );
        if (given.length === 0) throw refused(subject, `has no ${field}, which must be the CA's own, ${shown(present)}`);
        return given.map((attribute) => {
          const same = present.find((one) => sameText(one, attribute));
          if (same === undefined)
            throw refused(subject, `has the ${field} ${shown([attribute])}, which must be the CA's own, ${shown(present)}`);
          return same;
        });
      }
    }
  });
  return sequence(...taken.map(({ type, value }) => element(0x31, sequence(objectIdentifier(type), value))));
}

const shown = (attributes: readonly Attribute[]) => attributes.map(({ text }) => `'${text ?? '(no text)'}'`).join(' or ');

function refused(subject: Uint8Array, why: string): HsmongerError {
  return new HsmongerError('NAME_REFUSED', `${theRequest(subject)} ${why} ([ca] policy); ask for another subject.`);
}
