import { parseKeyType } from '../../pkcs11/objects/key-type.js';
import { askService } from '../../service/ask.js';
import { HsmongerError } from '../../errors.js';
import type { Surroundings } from '../command.js';
import { harmless, json } from '../output.js';
import { hex } from '../../platform/hex.js';
import { foreignIdWarning } from './words.js';
import { placeOf, withLabel, type AddTokenCommand, type TokenOptions } from './place.js';
import { keyUri } from './tables.js';

interface KeygenOptions extends TokenOptions {
  readonly type: string;
  readonly label: string;
  readonly id: string | undefined;
}

/** `token keygen`: a key pair that never leaves the token. */
export const addKeygen: AddTokenCommand = (yargs, run) =>
  yargs.command(
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
  );

async function keygen(options: KeygenOptions, { io, env }: Surroundings): Promise<number> {
  const type = parseKeyType(options.type);
  const id = idOf(options.id);
  const place = await withLabel(options, placeOf(options, env));
  const { token, key, nssId } = await askService(place, 'make key', { type, label: options.label, ...(id === undefined ? {} : { id }) });
  const uri = keyUri(token, key, 'private');
  if (options.json)
    io.out(
      json({
        label: key.label,
        id: hex(key.id),
        type: key.type,
        size: key.size,
        sensitive: key.sensitive,
        extractable: key.extractable,
        uri,
        ...(nssId === undefined ? {} : { nssId: hex(nssId) }),
      }),
    );
  else
    io.out(
      `Private key: ${key.type} ${String(key.size)}\n  label:  ${harmless(key.label)}\n  ID:     ${hex(key.id)}\n  access: sensitive, never extractable\n  URL:    ${uri}\nPublic key:\n  URL:    ${keyUri(token, key, 'public')}\n`,
    );
  if (nssId !== undefined) io.err(foreignIdWarning(key, nssId, id !== undefined));
  return 0;
}

function idOf(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const digits = text.replace(/^0x/iu, '').replace(/:/gu, '');
  if (!/^(?:[0-9a-f]{2})+$/iu.test(digits)) throw new HsmongerError('USAGE', `--id wants hexadecimal digits in pairs, not '${text}'.`);
  return Buffer.from(digits, 'hex');
}
