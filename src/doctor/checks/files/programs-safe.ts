import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { filesOf } from './words.js';

export const programsSafe: Check = {
  source: 'hsmonger.files',
  name: 'ProgramsSafe',
  about: 'The programs certmonger runs as root, and their interpreter, are there and nobody but root can change them.',
  run: ({ files }) =>
    known(files, (facts) =>
      orFine(
        filesOf(facts, 'program').flatMap(({ file, stat, distrust }): Finding[] => {
          if (stat === undefined)
            return [{ severity: 'critical', key: file, message: `The program ${file} is not there.`, fix: 'Install hsmonger anew.' }];
          return distrust === undefined
            ? []
            : [
                {
                  severity: 'critical',
                  key: file,
                  message: `Root runs ${file}, and ${distrust}.`,
                  fix: 'Install hsmonger where only root can write, or run chown root: and chmod go-w on what is named.',
                },
              ];
        }),
        'Only root can change the programs.',
      ),
    ),
};
