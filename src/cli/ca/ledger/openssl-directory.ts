import { existsSync, mkdirSync, readdirSync, rmSync, rmdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { placeDurably, writeDurably } from '../../../platform/durable-file.js';
import { serialText } from './openssl-index.js';
import type { ExportedCa, ExportedCertificate } from '../../../service/tasks/ca/export-issued.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { certificateToPem } from '../../../x509/pem.js';

/** Tells a directory this command did not finish from another CA's. A directory itself: made in one step. */
const begun = '.hsmonger-export';
const certificates = 'newcerts';
/** Without it openssl does nothing there: written last. */
const index = 'index.txt';
const readable = { mode: 0o644 } as const;

/**
 * The parent is there, and the directory is not, is empty, or holds what a run before this one did not finish; never another CA's. USAGE
 * otherwise.
 */
export function assertNewDirectory(directory: string): void {
  try {
    if (isUnfinished(directory) || readdirSync(directory).length === 0) return;
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (absent && statSync(path.dirname(directory), { throwIfNoEntry: false })?.isDirectory() === true) return;
    throw new HsmongerError(
      'USAGE',
      absent
        ? `There is no directory ${path.dirname(directory)} to make ${path.basename(directory)} in; make it, or correct the name.`
        : `${directory} cannot be used: ${sentenceOf(error)}.`,
      { cause: error },
    );
  }
  throw new HsmongerError('USAGE', `${directory} is not empty, and nothing was written there; name a new directory.`);
}

/** Writes the directory, or completes it. Where that fails what was written is removed again. COMMAND_FAILED. */
export function writeOpensslDirectory(
  directory: string,
  { authority, nextSerial, nextCrlNumber }: ExportedCa,
  issued: readonly ExportedCertificate[],
  indexText: string,
): void {
  const made = !existsSync(directory);
  const at = (name: string) => path.join(directory, name);
  try {
    if (made) mkdirSync(directory, { mode: 0o755 });
    mkdirSync(at(begun), { recursive: true, mode: 0o700 });
    rmSync(at(certificates), { recursive: true, force: true });
    mkdirSync(at(certificates), { mode: 0o755 });
    for (const { certificate } of issued)
      placeDurably(
        path.join(at(certificates), `${serialText(parseCertificate(certificate).serial)}.pem`),
        certificateToPem(certificate),
        readable,
      );
    writeDurably(at('ca.pem'), certificateToPem(authority), readable);
    writeDurably(at('serial'), `${nextSerial}\n`, readable);
    writeDurably(at('crlnumber'), `${nextCrlNumber}\n`, readable);
    // A renewal has the subject of what it renews.
    writeDurably(at('index.txt.attr'), 'unique_subject = no\n', readable);
    writeDurably(at(index), indexText, readable);
    rmdirSync(at(begun));
  } catch (error) {
    throw new HsmongerError(
      'COMMAND_FAILED',
      `Cannot write below ${directory}: ${sentenceOf(error)}; ${removed(directory, made) ? 'nothing was left there' : 'what is there is not complete, and is completed when this is run again'}.`,
      { cause: error },
    );
  }
}

function isUnfinished(directory: string): boolean {
  const names = readdirSync(directory);
  return names.includes(begun) && !names.includes(index);
}

/** Only what this command writes: somebody may have put something else there meanwhile. */
function removed(directory: string, made: boolean): boolean {
  try {
    // The index first, and what tells whose the rest is last: killed here, the next run goes on.
    for (const name of [index, 'index.txt.attr', 'crlnumber', 'serial', 'ca.pem', certificates, begun])
      rmSync(path.join(directory, name), { recursive: true, force: true });
    if (made) rmdirSync(directory);
    return true;
  } catch {
    return false;
  }
}
