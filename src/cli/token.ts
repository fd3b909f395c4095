import type { AddCommand } from './command.js';
import { absolutePath } from './global-options.js';
import { changePinOfToken } from './token/change-pin.js';
import { check } from './token/check.js';
import { copyCheck } from './token/copy-check.js';
import { keys } from './token/keys.js';
import { list } from './token/list.js';
import { withTokenOptions } from './token/place.js';

/** `token list`, `token keys`, `token check`, `token change-pin`, `token copy-check`: the PKCS#11 side, seen as the service user. */
export const addToken: AddCommand = (yargs, run) =>
  yargs.command('token', 'Look at the tokens and keys, change the PIN, as the service user', (token) =>
    withTokenOptions(token)
      .command('list', "The tokens in the module's slots", (list) => list, run(list))
      .command('keys', 'The private keys, with their certificates and URIs', (keys) => keys, run(keys))
      .command('check', 'Sign with each key and verify', (check) => check.option('force', { type: 'boolean', default: false, describe: 'Try the PIN even where one attempt is left before the token locks' }), run(check))
      .command(
        'change-pin',
        'Change the PIN: of the token, and in every PIN file of its instances and requests',
        (change) => change.option('new-pin-file', { type: 'string', requiresArg: true, coerce: absolutePath, describe: 'Take the new PIN from this file; else it is asked for twice, or read from standard input' }),
        run(changePinOfToken),
      )
      .command(
        'copy-check <directory>',
        "Whether a copied SoftHSM token directory is the token's, whole and safe, for another host",
        (copy) => copy.positional('directory', { type: 'string', demandOption: true, coerce: absolutePath, describe: "What holds the copied token's directory" }),
        run(copyCheck),
      )
      .example('hsmonger token list --module /usr/lib/softhsm/libsofthsm2.so', 'Before there is an instance file')
      .demandCommand(1, 'Name what to do: list, keys, check, change-pin or copy-check.'),
  );
