import type { Check } from '../preflight.js';

/** certmonger gives a renewed file to nobody when it does not know the owner, and says nothing: whoever needs it cannot read it then. */
export const fileOwner: Check = ({ files, instance }) =>
  files.flatMap(({ nickname, stranger }) =>
    stranger === undefined
      ? []
      : [
          {
            check: 'file-owner',
            nickname,
            problem: `The files of '${nickname}' are to belong to ${stranger}, whom this machine does not know, so certmonger would leave them root's alone.`,
            fix: `Correct its 'owner' in ${instance.file}.`,
          },
        ],
  );
