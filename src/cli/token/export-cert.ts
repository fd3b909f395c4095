import { onlyOne, selecting } from '../../pkcs11/objects/selection.js';
import { askService } from '../../service/ask.js';
import { certificateToPem } from '../../x509/pem.js';
import type { Surroundings } from '../command.js';
import { outFlag } from '../flags.js';
import { harmless } from '../output.js';
import { writeNew } from '../write-file.js';
import { placeOf, selectorWord, withLabel, type AddTokenCommand, type TokenOptions } from './place.js';
import { newestFirst } from './tables.js';

interface ExportOptions extends TokenOptions {
  readonly selector: string;
  readonly out: string | undefined;
}

/** `token export-cert`: PEM. Of several under one nickname, as a renewal leaves them, the newest. */
export const addExportCert: AddTokenCommand = (yargs, run) =>
  yargs.command(
    'export-cert <selector>',
    'Write a certificate of the token as PEM',
    (certificate) =>
      certificate.positional('selector', { type: 'string', demandOption: true, describe: selectorWord }).option('out', outFlag),
    run(exportCert),
  );

async function exportCert(options: ExportOptions, { io, env }: Surroundings): Promise<number> {
  const { selector, out } = options;
  const { description, certificates } = await askService(await withLabel(options, placeOf(options, env, selector)), 'list objects', {
    keys: false,
  });
  const named = selecting(selector, description);
  const found = newestFirst(certificates.filter((certificate) => named(certificate, 'cert')));
  const alike = found.filter(({ label, id }) => label === found[0]?.label && Buffer.from(id).equals(found[0].id));
  const { der, label } = onlyOne(
    alike.length === found.length ? found.slice(0, 1) : found,
    selector,
    'certificates',
    'CERTIFICATE_NOT_FOUND',
    description,
  );
  const pem = certificateToPem(der);
  if (out === undefined) io.out(pem);
  else {
    writeNew(out, pem);
    io.out(`${harmless(out)}: certificate '${harmless(label)}'\n`);
  }
  if (found.length > 1)
    io.err(`hsmonger: There are ${String(found.length)} certificates '${harmless(label)}'; this is the one that lasts longest.\n`);
  return 0;
}
