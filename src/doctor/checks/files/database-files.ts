import type { Check } from '../../check.js';
import type { SeenFile } from '../../facts/files.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { filesOf, modeFinding, ownerFinding } from './words.js';

/** Where something worked as root in it, files become root's and the server that needs them does not start. */
export const databaseFiles: Check = {
  source: 'hsmonger.files',
  name: 'DatabaseFiles',
  about: "The NSS database's directory and files are the service user's, writable by nobody else, its keys readable by nobody else.",
  run: ({ files }) =>
    known(files, (facts) =>
      orFine(
        filesOf(facts, 'database directory', 'database').flatMap((seen) => (seen.stat === undefined ? [] : faults(seen, seen.stat, facts.account))),
        'The files of the NSS database have the right owner and modes.',
      ),
    ),
};

function faults({ file, role }: SeenFile, { uid, mode, kind }: NonNullable<SeenFile['stat']>, account: { readonly name: string; readonly uid: number; readonly gid: number }): Finding[] {
  const owner = uid === account.uid ? [] : [ownerFinding(file, uid, account)];
  const needed = role.is === 'database directory' ? 0o700 : 0o600;
  if ((mode & needed) !== needed) return [...owner, modeFinding(file, mode, needed | (mode & 0o050), `'${account.name}' cannot work with it`)];
  if ((mode & 0o002) !== 0) return [...owner, modeFinding(file, mode, mode & ~0o007, 'everybody can write it')];
  const secret = kind === 'file' && file.endsWith('/key4.db');
  return secret && (mode & 0o007) !== 0 ? [...owner, modeFinding(file, mode, 0o600, 'everybody can read the keys in it')] : owner;
}
