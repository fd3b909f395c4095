import { tokenOf } from '../../config/token-of.js';
import type { Evidence, Refusal } from '../preflight.js';

/** certmonger opens tokens through the NSS database's list of modules and nothing else. */
export function moduleRegistered({
  instance,
  nss,
  token,
}: {
  readonly instance: Evidence['instance'];
  readonly nss: Pick<Evidence['nss'], 'format' | 'registered'>;
  readonly token?: unknown;
}): Refusal[] {
  return token === undefined || nss.format !== 'sql' || nss.registered
    ? []
    : [
        {
          check: 'module-registered',
          problem: `The NSS database ${instance.nss.database} does not list the PKCS#11 module ${tokenOf(instance).module}, so certmonger would not find the token.`,
          fix: `Register it as '${instance.user}': modutil -dbdir sql:${instance.nss.database} -add NAME -libfile ${tokenOf(instance).module}.`,
        },
      ];
}
