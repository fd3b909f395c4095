import type { TokenKey } from '../../../pkcs11/token.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { storesOf } from '../../stores.js';
import { orUnopened } from './unopened.js';

/** certmonger empties labels of keys it has saved for (certsave-n.c:859), so an empty one is nobody's twin. */
export const keyTwins: Check = {
  source: 'hsmonger.keys',
  name: 'KeyTwins',
  about: 'No two private keys of a store have the same CKA_ID or the same label; seen with --login only.',
  run: (facts) => {
    const opened = storesOf(facts).filter((store) => store.opened);
    const findings = opened.flatMap(({ name, keys }) => [
      ...twins(keys, ({ id }) => Buffer.from(id).toString('hex'), 'CKA_ID', name),
      ...twins(keys, ({ label }) => label, 'label', name),
    ]);
    return orUnopened(facts, facts.instance.certificates.length, findings, 'has a key that is named once');
  },
};

function twins(keys: readonly TokenKey[], nameOf: (key: TokenKey) => string, what: 'CKA_ID' | 'label', where: string): Finding[] {
  const counts = new Map<string, number>();
  for (const name of keys.map(nameOf).filter((each) => each !== '')) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count > 1)
    .map(([name, count]): Finding => ({
      severity: what === 'CKA_ID' ? 'error' : 'warning',
      key: name,
      message: `${String(count)} private keys on or in ${where} have the ${what} '${name}'${what === 'CKA_ID' ? ', so NSS may take the wrong one for a certificate' : ', so whoever looks a key up by label may get the wrong one'}.`,
      fix:
        what === 'CKA_ID'
          ? 'Give each key the SHA-1 of its own public value (hsmonger token move-id LABEL); delete none before you know whose it is.'
          : 'Give each key a label of its own (p11tool --set-label), or none.',
    }));
}
