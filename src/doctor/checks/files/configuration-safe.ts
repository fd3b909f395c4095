import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { orFine } from '../../known.js';
import { filesOf } from './words.js';

/** Whoever can write them chooses what root runs (design rule 6). */
export const configurationSafe: Check = {
  source: 'hsmonger.files',
  name: 'ConfigurationSafe',
  about: "Nobody but root can write the instance file and the agent's configuration, or put others in their place.",
  run: ({ files }) => {
    if (!files.known)
      return [
        {
          severity: 'error',
          key: 'files',
          message: `Owners and modes of files could not be looked at: ${files.why}`,
          fix: 'Run hsmonger doctor as root.',
        },
      ];
    return orFine(
      filesOf(files.value, 'configuration').flatMap(({ file, distrust }): Finding[] =>
        distrust === undefined
          ? []
          : [
              {
                severity: 'critical',
                key: file,
                message: `${file} decides what root runs, and ${distrust}.`,
                fix: 'Run chown root: and chmod go-w on what is named.',
              },
            ],
      ),
      'Only root can write the configuration.',
    );
  },
};
