import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { columns, json } from '../output.js';
import { placeOf, withLabel, type TokenOptions } from './place.js';

/** `token prune`: superseded certificates off the token, archived first; shows what it would do unless told --yes. */
export async function prune(options: TokenOptions & { readonly yes: boolean }, { io, env }: Surroundings): Promise<number> {
  const { certificates } = await askService(await withLabel(options, placeOf(options, env)), 'prune certificates', { remove: options.yes });
  if (options.json) {
    io.out(json(certificates));
    return 0;
  }
  const day = (date: Date) => date.toISOString().slice(0, 10);
  io.out(
    columns(
      ['LABEL', 'SERIAL', 'UNTIL', 'SUPERSEDED BY', 'OUTCOME', 'ARCHIVE'],
      certificates.map(({ label, serial, notAfter, by, outcome, file }) => [
        { text: label === '' ? '-' : label },
        { text: serial },
        { text: day(notAfter) },
        { text: `${by.serial} until ${day(by.notAfter)}` },
        { text: outcome },
        { text: outcome === 'kept' ? '-' : file },
      ]),
      io.colour,
    ),
  );
  if (certificates.length === 0) io.err('hsmonger: No certificate on the token is superseded.\n');
  else if (!options.yes) io.err('hsmonger: Nothing was removed; do it with --yes.\n');
  return 0;
}
