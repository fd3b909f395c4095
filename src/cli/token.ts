import type { AddCommand } from './command.js';
import { addChangePin } from './token/change-pin.js';
import { addCheck } from './token/check.js';
import { addCopyCheck } from './token/copy-check.js';
import { addExportCert } from './token/export-cert.js';
import { addImportCert } from './token/import-cert.js';
import { addInit } from './token/init.js';
import { addKeygen } from './token/keygen.js';
import { addKeys } from './token/keys.js';
import { addList } from './token/list.js';
import { addModules } from './token/modules.js';
import { addMoveId } from './token/move-id.js';
import { withTokenOptions, type AddTokenCommand } from './token/place.js';
import { addPrune } from './token/prune.js';

const commands: readonly AddTokenCommand[] = [
  addModules,
  addList,
  addKeys,
  addCheck,
  addExportCert,
  addCopyCheck,
  addInit,
  addKeygen,
  addImportCert,
  addPrune,
  addMoveId,
  addChangePin,
];

/** `token …`: the PKCS#11 side, seen as the service user. */
export const addToken: AddCommand = (yargs, run) =>
  yargs.command('token', 'Tokens, keys and certificates on them, as the service user', (token) =>
    commands
      .reduce((added, add) => add(added, run), withTokenOptions(token))
      .example('hsmonger token list --module /usr/lib/softhsm/libsofthsm2.so', 'Before there is an instance file')
      .example('hsmonger token keygen --type EC:secp384r1 --label root', '')
      .demandCommand(
        1,
        'Name what to do: modules, list, keys, check, export-cert, copy-check, init, keygen, import-cert, prune, move-id or change-pin.',
      ),
  );
