import type { Check } from '../../check.js';
import type { SeenFile } from '../../facts/files.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { filesOf, modeFinding } from './words.js';

/** Whose they are, NssOwner says. */
export const databaseModes: Check = {
  source: 'hsmonger.files',
  name: 'DatabaseModes',
  about:
    "The NSS database's directory and files are open to their owner, writable by nobody else, and the keys in it readable by nobody else.",
  run: ({ files }) =>
    known(files, (facts) =>
      orFine(
        filesOf(facts, 'database directory', 'database').flatMap((seen) => (seen.stat === undefined ? [] : fault(seen, seen.stat))),
        'The files of the NSS database have the right modes.',
      ),
    ),
};

function fault({ file, role }: SeenFile, { mode, kind }: NonNullable<SeenFile['stat']>): Finding[] {
  const needed = role.is === 'database directory' ? 0o700 : 0o600;
  if ((mode & needed) !== needed) return [modeFinding(file, mode, needed | (mode & 0o050), 'its owner cannot work with it')];
  if ((mode & 0o002) !== 0) return [modeFinding(file, mode, mode & ~0o007, 'everybody can write it')];
  return kind === 'file' && file.endsWith('/key4.db') && (mode & 0o007) !== 0
    ? [modeFinding(file, mode, 0o600, 'everybody can read the keys in it')]
    : [];
}
