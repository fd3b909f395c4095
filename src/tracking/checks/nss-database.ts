import { howToConvert } from '../../config/dbm.js';
import type { Evidence, Refusal } from '../preflight.js';

/** The database certmonger saves through: sql, and nss-user's to write, else the request stops in NEED_CERTSAVE_PERMS. */
export function nssDatabase({
  instance,
  nss,
}: {
  readonly instance: Evidence['instance'];
  readonly nss: Pick<Evidence['nss'], 'format' | 'unwritable'>;
}): Refusal[] {
  const { database } = instance.nss;
  if (instance.certificates.every(({ storage }) => storage.kind === 'file')) return [];
  switch (nss.format) {
    case 'none':
      return [
        {
          check: 'nss-database',
          problem: `There is no NSS database in ${database} (no cert9.db and key4.db).`,
          fix: `Name the right directory as 'nss.database' in ${instance.file}, or make one as '${instance.user}': certutil -N -d sql:${database}.`,
        },
      ];
    case 'dbm':
      return [
        {
          check: 'nss-database',
          problem: `The NSS database ${database} has the old dbm format.`,
          fix: `Its keys and certificates go over: ${howToConvert(database)}.`,
        },
      ];
    case 'sql':
      return nss.unwritable.length === 0
        ? []
        : [
            {
              check: 'nss-database',
              problem: `User '${instance.user}', as whom certmonger saves, cannot read and write the NSS database ${database} (${nss.unwritable.map((name) => (name === '.' ? 'the directory' : name)).join(', ')}).`,
              fix: `Give it to that user: chown -R ${instance.user} ${database}; and check that its file system is not mounted read-only.`,
            },
          ];
  }
}
