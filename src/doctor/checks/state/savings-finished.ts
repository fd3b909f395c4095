import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

/** As `status` has it: one that has not moved for so long is not under way any more. */
const patienceMs = 5 * 60_000;

export const savingsFinished: Check = {
  source: 'hsmonger.state',
  name: 'SavingsFinished',
  about: 'No saving of a renewed certificate was interrupted, and none has anything left to do.',
  run: ({ state, now }) =>
    known(state, ({ savings }) =>
      orFine(
        savings
          .filter(({ updatedAt }) => now.getTime() - updatedAt.getTime() > patienceMs)
          .map(({ nickname, step, left, updatedAt }): Finding => {
            const remedy = { kind: 'finish savings' } as const;
            if (step !== 'in service')
              return {
                severity: 'error',
                key: nickname,
                message: `Saving the new certificate '${nickname}' stopped after '${step}' at ${updatedAt.toISOString()}.`,
                fix: `Finish it with: hsmonger renew '${nickname}'.`,
                remedy,
              };
            const [first] = left;
            return {
              severity: 'warning',
              key: nickname,
              message: `The new certificate '${nickname}' is in place, and ${left.length === 0 ? 'the restart that belongs to it' : left.map((one) => `'${one.step}'`).join(' and ')} is left since ${updatedAt.toISOString()}: ${first?.reason ?? 'it was not tried yet.'}`,
              fix: 'It is tried again by itself; mend what it names.',
              remedy,
            };
          }),
        'No saving is left unfinished.',
      ),
    ),
};
