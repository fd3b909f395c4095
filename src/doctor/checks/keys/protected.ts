import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { ownKeys, type OwnKey } from '../../own-keys.js';
import { orUnopened } from './unopened.js';

/** Attributes a token may not tell count neither for nor against it. */
export const keyProtected: Check = {
  source: 'hsmonger.keys',
  name: 'KeyProtected',
  about: 'Each key on the token is private, sensitive and not extractable, and always was; seen with --login only.',
  run: (facts) => {
    const keys = ownKeys(facts);
    return orUnopened(facts, keys.length, keys.flatMap(faultsOf), 'has a key that cannot leave the token');
  },
};

function faultsOf({ nickname: key, key: { sensitive, extractable, protection } }: OwnKey): Finding[] {
  const now = [
    ...(protection?.private === false ? ['can be seen and used without a login (CKA_PRIVATE is false)'] : []),
    ...(sensitive ? [] : ['can be read in clear (CKA_SENSITIVE is false)']),
    ...(extractable ? ['can be taken off the token (CKA_EXTRACTABLE is true)'] : []),
  ];
  const fix =
    "Set the attribute where the token allows it (CKA_SENSITIVE and CKA_EXTRACTABLE can be tightened), or make a new key on the token and have the CA's certificate issued anew for it.";
  if (now.length > 0) return [{ severity: 'error', key, message: `The private key of '${key}' ${now.join(' and ')}.`, fix }];
  const once = [
    ...(protection?.alwaysSensitive === false ? ['could be read in clear once (CKA_ALWAYS_SENSITIVE is false)'] : []),
    ...(protection?.neverExtractable === false ? ['could be taken off the token once (CKA_NEVER_EXTRACTABLE is false)'] : []),
  ];
  return once.length === 0
    ? []
    : [
        {
          severity: 'warning',
          key,
          message: `The private key of '${key}' ${once.join(' and ')}, as one that was made elsewhere and imported.`,
          fix: 'Make sure that every copy from before is accounted for; nothing on the token can change this any more.',
        },
      ];
}
