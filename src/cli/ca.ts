import { withInitIntermediate, withInitRoot } from './ca/commands/making.js';
import { withReading } from './ca/commands/reading.js';
import { withRevocation } from './ca/commands/revocation.js';
import { withCsr, withImport, withIssue } from './ca/commands/signing.js';
import type { AddCommand } from './command.js';

/** `ca`: a CA whose key is on a token. */
export const addCa: AddCommand = (yargs, run) =>
  yargs.command('ca', 'A CA whose key is on a token', (ca) =>
    [withInitRoot, withInitIntermediate, withIssue, withCsr, withImport, withReading, withRevocation]
      .reduce((added, add) => add(added, run), ca)
      .demandCommand(1, 'Name what to do.'),
  );
