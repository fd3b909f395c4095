import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { filesOf, modeFinding, ownerFinding } from './words.js';

/** design rule 6: nothing owned by root is left there. */
export const stateFiles: Check = {
  source: 'hsmonger.files',
  name: 'StateFiles',
  about: "State directories are the service user's and closed to others (0700), and so are the files in them (0600).",
  run: ({ files }) =>
    known(files, (facts) =>
      orFine(
        filesOf(facts, 'state directory', 'state').flatMap(({ file, role, stat }): Finding[] => {
          if (stat === undefined) return [];
          if (stat.uid !== facts.account.uid) return [ownerFinding(file, stat.uid, facts.account)];
          return (stat.mode & 0o077) === 0
            ? []
            : [modeFinding(file, stat.mode, role.is === 'state' ? 0o600 : 0o700, 'others than its owner get in')];
        }),
        "The state is the service user's alone.",
      ),
    ),
};
