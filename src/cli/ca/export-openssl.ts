import path from 'node:path';
import { askService } from '../../service/ask.js';
import { tokenIssuerOf } from '../../service/own-authority.js';
import type { ExportPart, ExportedCertificate } from '../../service/tasks/ca/export-issued.js';
import type { AddCommand, Surroundings } from '../command.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { harmless, json } from '../output.js';
import { assertNewDirectory, writeOpensslDirectory } from './ledger/openssl-directory.js';
import { indexLine, lost, lostOfTold, toldLine } from './ledger/openssl-index.js';
import { assertOwnedHere } from './ledger/owner.js';

interface ExportOptions extends GlobalOptions {
  readonly directory: string;
}

/** What `openssl ca` wants to find; the private key stays on the token. */
export const addExportOpenssl: AddCommand = (yargs, run) =>
  yargs.command(
    'export-openssl <directory>',
    'Write what openssl ca needs to go on: index.txt, serial, crlnumber, certificates',
    (ca) =>
      ca.positional('directory', {
        type: 'string',
        demandOption: true,
        coerce: (given: string) => path.resolve(given),
        describe: 'A new directory',
      }),
    run(exportOpenssl),
  );

async function exportOpenssl(options: ExportOptions, { io, env, clock }: Surroundings): Promise<number> {
  const place = instanceOf(options, env);
  tokenIssuerOf(place.instance);
  await assertOwnedHere(place, 'export the ledger');
  const { directory } = options;
  assertNewDirectory(directory);
  const issued: ExportedCertificate[] = [];
  const exported = await askService(place, 'export issued', undefined, {
    onProgress: ({ part }) => {
      issued.push(...(part as ExportPart).issued);
    },
  });
  const now = clock();
  writeOpensslDirectory(
    directory,
    exported,
    issued,
    [...issued.map((one) => indexLine(one, now)), ...exported.told.map(toldLine)].join(''),
  );
  const losses = [...issued.flatMap((one) => lost(one) ?? []), ...exported.told.map(lostOfTold)];
  if (losses.length > 0) io.err(`hsmonger: The index of openssl has no words for: ${losses.join('; ')}.\n`);
  if (options.json)
    io.out(
      json({
        directory,
        certificates: issued.length,
        revokedElsewhere: exported.told.length,
        serial: exported.nextSerial,
        crlNumber: exported.nextCrlNumber,
        lost: losses,
      }),
    );
  else
    io.out(
      `${harmless(directory)}: ${String(issued.length)} certificates, the next CRL has the number 0x${exported.nextCrlNumber}. From now on either issue there or here, never both.\n`,
    );
  return 0;
}
