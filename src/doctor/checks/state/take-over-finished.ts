import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

/** setup writes down what it takes over before it does: where the request still has its old name, it did not come to that. */
export const takeOverFinished: Check = {
  source: 'hsmonger.state',
  name: 'TakeOverFinished',
  about: 'Every request setup began to take over is ours.',
  run: ({ state, certmonger }) =>
    known(state, ({ takenOver }) =>
      known(certmonger, ({ requests }) =>
        orFine(
          takenOver
            .filter(
              ({ id, ours }) => requests.some(({ nickname }) => nickname === id) && !requests.some(({ nickname }) => nickname === ours),
            )
            .map(({ id, ours }): Finding => ({
              severity: 'warning',
              key: ours,
              message: `Taking over certmonger's request '${id}' as '${ours}' was interrupted: it is still what it was.`,
              fix: 'Finish it with: hsmonger setup; or give everything back with: hsmonger unsetup.',
            })),
          'No take-over was interrupted.',
        ),
      ),
    ),
};
