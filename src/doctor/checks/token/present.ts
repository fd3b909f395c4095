import path from 'node:path';
import type { ErrorCode } from '../../../errors.js';
import { slotText } from '../../../pkcs11/slot-text.js';
import type { Check } from '../../check.js';
import { ofToken } from '../../known.js';

export const tokenPresent: Check = {
  source: 'hsmonger.token',
  name: 'TokenPresent',
  about: 'The token the instance file names is there, initialised, and the only one of that name.',
  run: (facts) =>
    ofToken(facts, ({ module, token }) => {
      // ModuleLoads tells.
      if (!module.ok) return [];
      const { file, user, token: configured } = facts.instance;
      if (token.ok)
        return [
          {
            severity: 'success',
            key: token.description.label,
            message: `The token '${token.description.label}' (serial ${token.description.serial}) is in slot ${slotText(token.description.slotId)}.`,
          },
        ];
      const fixes: Partial<Record<ErrorCode, string>> = {
        TOKEN_AMBIGUOUS: `Name it in ${file} by 'slot', or by 'uri' with its serial.`,
        CONFIG_INVALID: `Correct [token] in ${file}.`,
      };
      return [
        {
          severity: 'critical',
          key: 'token',
          message: token.problem,
          fix:
            fixes[token.code] ??
            `Bring the HSM back (plug it in, start its daemon or network), see that user '${user}' may use it, or correct [token] in ${file}.${emptied(configured?.module)}`,
        },
      ];
    }),
};

/** SoftHSM empties that file before it writes it, at every login (docs/backup.md). */
function emptied(module = ''): string {
  return path.basename(module).startsWith('libsofthsm')
    ? " Where token.object in the token's directory is empty, a program was killed while it logged in: put that file back from a copy of the directory."
    : '';
}
