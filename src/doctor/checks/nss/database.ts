import { nssDatabase as refusalsOf } from '../../../tracking/checks/nss-database.js';
import type { Check } from '../../check.js';
import { asFindings, orFine } from '../../known.js';

/** Answers for the facts of the NSS database. */
export const nssDatabase: Check = {
  source: 'hsmonger.nss',
  name: 'NssDatabase',
  about: 'The NSS database is there, of the sql format, and the service user can read and write it.',
  run({ instance, nss }) {
    const { database } = instance.nss;
    const look = `Look at the database as user '${instance.user}': modutil -list -dbdir sql:${database}.`;
    if (!nss.known) return [{ severity: 'error', key: database, message: nss.why, fix: look }];
    const findings = asFindings(refusalsOf({ instance, nss: nss.value }), 'critical');
    const { contents } = nss.value;
    // Of files that cannot be opened NSS only says that the database is bad.
    if (findings.length === 0 && contents?.ok === false)
      findings.push({ severity: 'critical', key: database, message: contents.problem, fix: look });
    return orFine(findings, `The NSS database ${database} can be used.`, database);
  },
};
