import { addChain } from './ca/chain.js';
import { addCrl } from './ca/crl.js';
import { addCsr } from './ca/csr.js';
import { addExportOpenssl } from './ca/export-openssl.js';
import { addImport } from './ca/import.js';
import { addInitIntermediate } from './ca/init-intermediate.js';
import { addInitRoot } from './ca/init-root.js';
import { addIssue } from './ca/issue.js';
import { addList } from './ca/list.js';
import { addOcsp } from './ca/ocsp.js';
import { addRevoke } from './ca/revoke.js';
import { addShow } from './ca/show.js';
import { addUnrevoke } from './ca/unrevoke.js';
import type { AddCommand } from './command.js';

const commands: readonly AddCommand[] = [
  addInitRoot,
  addInitIntermediate,
  addIssue,
  addCsr,
  addImport,
  addList,
  addShow,
  addChain,
  addRevoke,
  addUnrevoke,
  addCrl,
  addOcsp,
  addExportOpenssl,
];

/** `ca`: a CA whose key is on a token. */
export const addCa: AddCommand = (yargs, run) =>
  yargs.command('ca', 'A CA whose key is on a token', (ca) =>
    commands.reduce((added, add) => add(added, run), ca).demandCommand(1, 'Name what to do.'),
  );
