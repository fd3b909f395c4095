import { closeSync, constants, openSync } from 'node:fs';
import path from 'node:path';
import type { InstanceSite } from '../../config/instance.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { readBoundedFile } from '../../platform/bounded-file.js';
import { writeDurably } from '../../platform/durable-file.js';
import { exclusiveFlock } from '../../platform/flock.js';
import { askService } from '../../service/ask.js';
import { tokenIssuerOf } from '../../service/own-authority.js';
import type { CrlWish, MadeCrl } from '../../service/tasks/ca/make-crl.js';
import { maxCrlBytes } from '../../x509/crl/parse.js';
import { crlToPem } from '../../x509/pem.js';
import type { AddCommand, Surroundings } from '../command.js';
import { pathFlag, wholeNumber } from '../flags.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { harmless, json } from '../output.js';
import { assertOwnedHere } from './ledger/owner.js';
import { toldCrlNumber } from './ledger/told-crl-number.js';

interface CrlOptions extends GlobalOptions {
  readonly out: string | undefined;
  readonly days: number | undefined;
  readonly above: readonly string[] | undefined;
  readonly pem: boolean | undefined;
}

/** Where [ca] says nothing. */
const defaultDays = 30;

/** `ca crl`: signs the list of revoked certificates and publishes it. */
export const addCrl: AddCommand = (yargs, run) =>
  yargs.command(
    'crl',
    'Sign the list of revoked certificates on the token, and publish it in a file',
    (ca) =>
      ca
        .option('out', {
          ...pathFlag,
          describe: 'File to replace: DER, or PEM where it ends in .pem [standard output, PEM]',
        })
        .option('days', {
          type: 'string',
          requiresArg: true,
          coerce: wholeNumber('days', 1, 3650),
          describe: 'Until the next one is due [crl-days of [ca], else 30]',
        })
        .option('above', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: "A published CRL of this CA, or a number: the new one's is higher; repeatable",
        })
        .option('pem', { type: 'boolean', describe: 'PEM whatever the file is called; --pem=false for DER' })
        .example('hsmonger ca crl --out /var/www/html/root.crl', ''),
    run(crl),
  );

async function crl(options: CrlOptions, { io, env }: Surroundings): Promise<number> {
  const place = instanceOf(options, env);
  tokenIssuerOf(place.instance);
  await assertOwnedHere(place, 'make the CRL');
  const { out } = options;
  const wish = { days: options.days ?? place.instance.ca?.crlDays ?? defaultDays, ...knownElsewhere(options.above ?? []) };
  const made =
    out === undefined
      ? await askService(place, 'make CRL', { ...wish, into: 'stdout' })
      : await publish(place, out, options.pem ?? /\.pem$/iu.test(out), wish);
  const { crl: der, ...facts } = made;
  if (made.takenOver > 0)
    io.err(
      `hsmonger: ${String(made.takenOver)} ${made.takenOver === 1 ? 'revocation' : 'revocations'} on the published CRL ${made.takenOver === 1 ? 'was' : 'were'} unknown to the ledger of instance '${place.instance.name}', as after a restore; taken over into it and onto the new CRL.\n`,
    );
  if (options.json) io.out(json({ ...facts, ...(out === undefined ? { pem: crlToPem(der) } : { file: out }) }));
  else if (out === undefined) io.out(crlToPem(der));
  else
    io.out(
      `${harmless(out)}: CRL ${made.number} of ${harmless(made.issuer)}, ${String(made.entries)} ${made.entries === 1 ? 'entry' : 'entries'}, the next one due by ${made.nextUpdate.toISOString().replace(/\.\d+Z$/u, 'Z')}.\n`,
    );
  return 0;
}

/** So long others may take to make theirs for the same directory. */
const lockSeconds = 120;

/** From the look at what is published to its replacement nobody else replaces it: an older CRL never takes the place of a newer one. */
async function publish(place: InstanceSite, out: string, pem: boolean, wish: Omit<CrlWish, 'into'>): Promise<MadeCrl> {
  const directory = path.dirname(out);
  const lock = opened(directory);
  try {
    if (!(await exclusiveFlock(lock, lockSeconds)))
      throw new HsmongerError(
        'STATE_BUSY',
        `Another process has been publishing a CRL in ${directory} for ${String(lockSeconds)} seconds; nothing was signed. Try again.`,
      );
    const there = present(out);
    const made = await askService(place, 'make CRL', {
      ...wish,
      into: 'file',
      published: [...wish.published, ...(there === undefined ? [] : [{ name: out, content: there }])],
    });
    try {
      // For everybody: that is what it is made for.
      writeDurably(out, pem ? crlToPem(made.crl) : made.crl, { mode: 0o644 });
    } catch (error) {
      throw new HsmongerError(
        'COMMAND_FAILED',
        `CRL ${made.number} was signed and cannot be written to ${out}: ${sentenceOf(error)}. What was there is there still; mend that and make the next one.`,
        { cause: error },
      );
    }
    return made;
  } finally {
    closeSync(lock);
  }
}

function opened(directory: string): number {
  try {
    return openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    throw new HsmongerError('USAGE', `The CRL cannot be published in ${directory}: ${sentenceOf(error)}; nothing was signed.`, {
      cause: error,
    });
  }
}

/** What is published now; undefined where nothing is. */
function present(file: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(readBoundedFile(file, maxCrlBytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new HsmongerError(
      'CRL_INVALID',
      `${file} cannot be read, so what number is published there is unknown: ${sentenceOf(error)}; nothing was signed or replaced.`,
      { cause: error },
    );
  }
}

/** --above NUMBER|FILE: 0x for hexadecimal; what is a number is no file. */
function knownElsewhere(words: readonly string[]): Pick<CrlWish, 'published' | 'above'> {
  const isNumber = (word: string) => /^(?:\d+|0x[0-9a-f]+)$/iu.test(word);
  return {
    above: words.filter(isNumber).map(toldCrlNumber),
    published: words
      .filter((word) => !isNumber(word))
      .map((name) => {
        const content = present(name);
        if (content === undefined)
          throw new HsmongerError('USAGE', `There is no file ${name}; --above wants a CRL of this CA, or its number.`);
        return { name, content };
      }),
  };
}
