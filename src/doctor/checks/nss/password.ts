import { internalPassword } from '../../../tracking/checks/internal-password.js';
import { pinFileProblem } from '../../../pkcs11/pin/pin-source.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { asFindings, known, orFine } from '../../known.js';
import { remedyFor } from '../pin/source.js';

/** Answers for the facts of the internal store. Trust cannot be set without the password, whatever lies in the database. */
export const nssPassword: Check = {
  source: 'hsmonger.nss',
  name: 'NssPassword',
  about:
    'The NSS database has no password of its own, or the instance file says where it is kept, in a file the service user alone can read.',
  run({ instance, internal, nss }) {
    const { database, passwordFile } = instance.nss;
    // NssDatabase tells of files that cannot be opened, NSS only of a bad database.
    if (!internal.known && nss.known && nss.value.unwritable.length > 0) return [];
    if (!internal.known)
      return [
        {
          severity: 'error',
          key: database,
          message: internal.why,
          fix: `Look at the database as user '${instance.user}': certutil -K -d sql:${database}; correct 'nss.password-file' in ${instance.file} if its password was refused.`,
        },
      ];
    const sight = internal.value;
    if (sight === 'none') return [];
    const findings: Finding[] = asFindings(internalPassword({ instance, nss: { internal: sight } }), 'error');
    if (passwordFile !== undefined && sight.description.loginRequired) {
      if (sight.passwordFile === undefined)
        findings.push({
          severity: 'error',
          key: passwordFile,
          message: `There is no password file ${passwordFile}, and the NSS database ${database} has a password of its own.`,
          fix: `Write its password, one line, into that file, readable by '${instance.user}' alone.`,
        });
      else findings.push(...known(nss, ({ owner }) => fileFindings(passwordFile, sight.passwordFile, owner)));
    }
    return orFine(
      findings,
      sight.description.loginRequired
        ? `The password of the NSS database ${database} is kept where it should be.`
        : `The NSS database ${database} has no password of its own.`,
      database,
    );
  },
};

function fileFindings(
  file: string,
  facts: Parameters<typeof pinFileProblem>[1] | undefined,
  reader: Parameters<typeof pinFileProblem>[2],
): Finding[] {
  const problem = facts === undefined ? undefined : pinFileProblem(file, facts, reader);
  if (facts === undefined || problem === undefined) return [];
  const remedy = remedyFor(file, facts, reader);
  return [
    {
      severity: 'error',
      key: file,
      message: problem.sentence.replace('The PIN file', 'The password file'),
      fix: `Let it be the service user's and closed to others (mode 0600).`,
      ...(remedy === undefined ? {} : { remedy }),
    },
  ];
}
