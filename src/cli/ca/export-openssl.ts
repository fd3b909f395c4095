import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { placeDurably, writeDurably } from '../../platform/durable-file.js';
import { askService } from '../../service/ask.js';
import { tokenIssuerOf } from '../../service/own-authority.js';
import type { ExportedCa } from '../../service/tasks/ca/export-issued.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateToPem } from '../../x509/pem.js';
import type { Surroundings } from '../command.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { harmless, json } from '../output.js';
import { indexLine, lost, serialText } from './openssl-index.js';
import { assertOwnedHere } from './owner.js';

interface ExportOptions extends GlobalOptions {
  readonly directory: string;
}

/** What `openssl ca` wants to find; the private key stays on the token. */
export async function exportOpenssl(options: ExportOptions, { io, env, clock }: Surroundings): Promise<number> {
  const place = instanceOf(options, env);
  tokenIssuerOf(place.instance);
  await assertOwnedHere(place, 'export the ledger');
  const { directory } = options;
  assertEmpty(directory);
  const exported = await askService(place, 'export issued', undefined);
  try {
    write(directory, exported, clock());
  } catch (error) {
    throw new HsmongerError('COMMAND_FAILED', `Cannot write below ${directory}: ${sentenceOf(error)}; what is there is not complete.`, { cause: error });
  }
  const losses = exported.issued.flatMap((one) => lost(one) ?? []);
  if (losses.length > 0) io.err(`hsmonger: The index of openssl has no words for: ${losses.join('; ')}.\n`);
  if (options.json) io.out(json({ directory, certificates: exported.issued.length, serial: exported.nextSerial, crlNumber: exported.nextCrlNumber, lost: losses }));
  else io.out(`${harmless(directory)}: ${String(exported.issued.length)} certificates, the next CRL has the number 0x${exported.nextCrlNumber}. From now on either issue there or here, never both.\n`);
  return 0;
}

/** Never into another CA's directory. */
function assertEmpty(directory: string): void {
  try {
    if (readdirSync(directory).length > 0) throw new HsmongerError('USAGE', `${directory} is not empty, and nothing was written there; name a new directory.`);
  } catch (error) {
    if (error instanceof HsmongerError) throw error;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new HsmongerError('USAGE', `${directory} cannot be used: ${sentenceOf(error)}.`, { cause: error });
  }
}

const readable = { mode: 0o644 } as const;

function write(directory: string, { authority, issued, nextSerial, nextCrlNumber }: ExportedCa, now: Date): void {
  const certificates = path.join(directory, 'newcerts');
  mkdirSync(certificates, { recursive: true, mode: 0o755 });
  for (const { certificate } of issued) placeDurably(path.join(certificates, `${serialText(parseCertificate(certificate).serial)}.pem`), certificateToPem(certificate), readable);
  writeDurably(path.join(directory, 'ca.pem'), certificateToPem(authority), readable);
  writeDurably(path.join(directory, 'serial'), `${nextSerial}\n`, readable);
  writeDurably(path.join(directory, 'crlnumber'), `${nextCrlNumber}\n`, readable);
  // A renewal has the subject of what it renews.
  writeDurably(path.join(directory, 'index.txt.attr'), 'unique_subject = no\n', readable);
  // Last: without it openssl does nothing there.
  writeDurably(path.join(directory, 'index.txt'), issued.map((one) => indexLine(one, now)).join(''), readable);
}
