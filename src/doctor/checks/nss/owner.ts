import path from 'node:path';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

/** certmonger's other children run as root and may leave files behind that the service cannot open (dogtagpki #4109, #4212). */
export const nssOwner: Check = {
  source: 'hsmonger.nss',
  name: 'NssOwner',
  about: "The NSS database's directory and its files belong to the service user.",
  run: ({ instance, nss }) =>
    known(nss, ({ foreign, owner }) => {
      const findings = foreign
        .filter((name) => counts.has(name))
        .map((name): Finding => {
          const file = path.join(instance.nss.database, name);
          return {
            severity: 'error',
            key: file,
            message: `${file} does not belong to the service user '${instance.user}'.`,
            fix: `Give it back: chown ${instance.user}: ${file}.`,
            remedy: { kind: 'owner', file, ...owner },
          };
        });
      return orFine(findings, `The NSS database belongs to '${instance.user}'.`, instance.nss.database);
    }),
};

/** What else lies beside them is not NSS's. */
const counts: ReadonlySet<string> = new Set(['.', 'cert9.db', 'key4.db', 'pkcs11.txt', 'cert9.db-journal', 'key4.db-journal']);
