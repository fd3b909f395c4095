import type { AddCommand, Runner } from './command.js';
import { absolutePath, outFlag, pathFlag } from './flags.js';
import { changePinOfToken } from './token/change-pin.js';
import { check } from './token/check.js';
import { copyCheck } from './token/copy-check.js';
import { exportCert } from './token/export-cert.js';
import { importCert } from './token/import-cert.js';
import { init } from './token/init.js';
import { keygen } from './token/keygen.js';
import { keys } from './token/keys.js';
import { list } from './token/list.js';
import { modules } from './token/modules.js';
import { moveId } from './token/move-id.js';
import { withTokenOptions } from './token/place.js';
import { prune } from './token/prune.js';

type TokenArgv = ReturnType<typeof withTokenOptions>;

const selected = 'Label, CKA_ID in hexadecimal, or URI (pkcs11:…)';

/** `token …`: the PKCS#11 side, seen as the service user. */
export const addToken: AddCommand = (yargs, run) =>
  yargs.command('token', 'Tokens, keys and certificates on them, as the service user', (token) =>
    changing(looking(withTokenOptions(token), run), run)
      .example('hsmonger token list --module /usr/lib/softhsm/libsofthsm2.so', 'Before there is an instance file')
      .example('hsmonger token keygen --type EC:secp384r1 --label root', '')
      .demandCommand(
        1,
        'Name what to do: modules, list, keys, check, export-cert, copy-check, init, keygen, import-cert, prune, move-id or change-pin.',
      ),
  );

function looking(token: TokenArgv, run: Runner): TokenArgv {
  return token
    .command('modules', 'The PKCS#11 libraries of known vendors on this machine', (modules) => modules, run(modules))
    .command(
      'list',
      "The tokens in the module's slots",
      (list) => list.option('mechanisms', { type: 'boolean', default: false, describe: 'And what each can do' }),
      run(list),
    )
    .command(
      'keys [selector]',
      'The keys, with their certificates and URIs',
      (keys) => keys.positional('selector', { type: 'string', describe: selected }),
      run(keys),
    )
    .command(
      'check',
      'Sign with each key and verify; or see whether the slot is empty',
      (check) =>
        check
          .option('empty', {
            type: 'boolean',
            default: false,
            describe:
              'Instead: whether a first installation may have this slot (nothing on it, its label unique); tells what is in the way',
          })
          .option('force', {
            type: 'boolean',
            default: false,
            describe: 'Try the PIN even where one attempt is left before the token locks',
          }),
      run(check),
    )
    .command(
      'export-cert <selector>',
      'Write a certificate of the token as PEM',
      (certificate) =>
        certificate.positional('selector', { type: 'string', demandOption: true, describe: selected }).option('out', outFlag),
      run(exportCert),
    )
    .command(
      'copy-check <directory>',
      "Whether a copied SoftHSM token directory is the token's, whole and safe, for another host",
      (copy) =>
        copy.positional('directory', {
          type: 'string',
          demandOption: true,
          coerce: absolutePath,
          describe: "What holds the copied token's directory",
        }),
      run(copyCheck),
    );
}

function changing(token: TokenArgv, run: Runner): TokenArgv {
  return token
    .command(
      'init',
      'Make a blank token usable: label and PINs',
      (init) =>
        init
          .describe('token', 'Label of the new token, at most 32 octets')
          .describe('pin-file', 'File with the PIN the new token gets')
          .option('so-pin-file', {
            type: 'string',
            requiresArg: true,
            demandOption: true,
            coerce: (file: string) => absolutePath(file) ?? file,
            describe: "File with the security officer's PIN",
          })
          .option('slot', { type: 'string', requiresArg: true, describe: 'CK_SLOT_ID [the first slot that is not initialised]' })
          .option('slot-index', { type: 'string', requiresArg: true, describe: 'Place of the slot in the list, from 0' })
          .option('erase', { type: 'string', requiresArg: true, describe: 'Label of the token that is there, whose keys will be lost' }),
      run(init),
    )
    .command(
      'keygen',
      'Make a key pair that never leaves the token',
      (keygen) =>
        keygen
          .option('type', {
            type: 'string',
            requiresArg: true,
            demandOption: true,
            describe: 'rsa:2048, rsa:3072, rsa:4096, EC:prime256v1, EC:secp384r1, EC:secp521r1, P-256, P-384, P-521, Ed25519',
          })
          .option('label', { type: 'string', requiresArg: true, demandOption: true, describe: 'New on the token' })
          .option('id', {
            type: 'string',
            requiresArg: true,
            describe: 'CKA_ID in hexadecimal [SHA-1 of the public value, as NSS wants it]',
          }),
      run(keygen),
    )
    .command(
      'import-cert <file>',
      'Store a certificate beside its key',
      (certificate) =>
        certificate
          .positional('file', { type: 'string', demandOption: true, describe: 'PEM, DER or PKCS#7 with one certificate' })
          .option('label', {
            type: 'string',
            requiresArg: true,
            describe: "Nickname [that of the certificate before it, or its key's label]",
          })
          .option('without-key', { type: 'boolean', default: false, describe: 'A certificate of the chain, whose key is elsewhere' }),
      run(importCert),
    )
    .command(
      'prune',
      'Take superseded certificates off the token; they are archived',
      (prune) => prune.option('yes', { type: 'boolean', default: false, describe: 'Do it; else only list' }),
      run(prune),
    )
    .command(
      'move-id <selector>',
      'Give a key and its certificates the CKA_ID that NSS and certmonger look for',
      (move) => move.positional('selector', { type: 'string', demandOption: true, describe: selected }),
      run(moveId),
    )
    .command(
      'change-pin',
      'Change the PIN: of the token, and in every PIN file of its instances and requests',
      (change) =>
        change.option('new-pin-file', {
          ...pathFlag,
          describe: 'Take the new PIN from this file; else it is asked for twice, or read from standard input',
        }),
      run(changePinOfToken),
    );
}
