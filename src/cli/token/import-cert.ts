import { readBoundedFile } from '../../platform/bounded-file.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { harmless, json } from '../output.js';
import { placeOf, withLabel, type AddTokenCommand, type TokenOptions } from './place.js';
import { certificateUri } from './tables.js';
import { hex } from '../../platform/hex.js';
import { foreignIdWarning } from './words.js';

interface ImportOptions extends TokenOptions {
  readonly file: string;
  readonly label: string | undefined;
  readonly withoutKey: boolean;
}

const maxBytes = 1024 * 1024;

/** `token import-cert`: a certificate beside its key. */
export const addImportCert: AddTokenCommand = (yargs, run) =>
  yargs.command(
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
  );

async function importCert(options: ImportOptions, { io, env }: Surroundings): Promise<number> {
  const { file: name, label, withoutKey } = options;
  const place = await withLabel(options, placeOf(options, env));
  const { token, nssId, ...put } = await askService(place, 'put certificate', {
    file: { name, content: contentOf(name) },
    withoutKey,
    ...(label === undefined ? {} : { label }),
  });
  const uri = certificateUri(token, put);
  if (options.json) io.out(json({ label: put.label, id: hex(put.id), subject: put.subject, outcome: put.outcome, uri }));
  else io.out(`${harmless(put.label)}: ${harmless(put.subject)}, ${put.outcome}\n  ID:  ${hex(put.id)}\n  URL: ${uri}\n`);
  if (nssId !== undefined && !withoutKey) io.err(foreignIdWarning(put, nssId, true));
  return 0;
}

function contentOf(file: string): Buffer {
  try {
    return readBoundedFile(file, maxBytes);
  } catch (error) {
    throw new HsmongerError('USAGE', `Cannot read ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}
