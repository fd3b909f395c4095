/**
 * How an old dbm database (cert8.db, key3.db, secmod.db) becomes an sql one, as the end of a sentence. Into a new directory: certutil's
 * --upgrade-merge in the database's own says "upgrade complete!" and has taken over no certificate and no key (NSS 3.87, tried), and the
 * old one stays as it was. `database` without prefix.
 */
export function howToConvert(database: string): string {
  const [old, made] = [`dbm:${database}`, `sql:${database}.sql`];
  return `convert it as its owner: mkdir -m 0770 ${database}.sql; certutil -N -d ${made}; certutil --merge -d ${made} --source-dir ${old} (in scripts with -f and -@, files with the new and the old password), compare certutil -L and -K of both, and name ${database}.sql as the database`;
}
