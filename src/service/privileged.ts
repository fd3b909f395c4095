import { createPublicKey } from 'node:crypto';
import type { CertificateConfig, Instance } from '../config/instance.js';
import type { Directory } from '../directory/directory.js';
import { asHsmongerError, HsmongerError, sentenceOf } from '../errors.js';
import { readBoundedFile } from '../platform/bounded-file.js';
import type { Account } from '../platform/service-user.js';
import type { FileSight } from '../renewal/saving-context.js';
import { certificatesFromPem } from '../x509/pem.js';
import { taskFacts } from './task-facts.js';
import type { TaskName } from './tasks.js';

/** What only root can get, got before the drop and used after it. */
export interface Privileged {
  readonly directory?: Directory;
  /** Why there is none though one is configured. */
  readonly directoryTrouble?: HsmongerError;
  readonly files?: ReadonlyMap<string, FileSight>;
}

/** A server that hangs must not keep the CA stopped. */
const openingMs = 15_000;

/** Gathers what a task needs of it. Nothing here fails the task: it is told what there is not. */
export async function gatherPrivileged(task: TaskName, instance: Instance, owner: Account): Promise<Privileged> {
  const needsDirectory = taskFacts[task].privileged;
  if (needsDirectory === undefined) return {};
  return { files: sightings(instance), ...(needsDirectory(instance) ? await opened(instance, owner) : {}) };
}

async function opened({ directory }: Instance, owner: Account): Promise<Pick<Privileged, 'directory' | 'directoryTrouble'>> {
  if (directory === undefined) return {};
  try {
    const { openDirectory } = await import('../directory/open.js');
    return { directory: await openDirectory(directory, { owner, timeoutMs: openingMs, watches: false }) };
  } catch (error) {
    return { directoryTrouble: asHsmongerError(error) };
  }
}

function sightings({ certificates }: Instance): Map<string, FileSight> {
  return new Map(
    certificates.flatMap((certificate) =>
      certificate.storage.kind === 'file' ? [[certificate.nickname, sighting(certificate.nickname, certificate.storage)] as const] : [],
    ),
  );
}

function sighting(nickname: string, { certificate, key }: Extract<CertificateConfig['storage'], { kind: 'file' }>): FileSight {
  const troubles: string[] = [];
  const attempt = <T>(what: string, file: string, read: (pem: Buffer) => T): T | undefined => {
    try {
      const pem = readBoundedFile(file, maxBytes);
      try {
        return read(pem);
      } finally {
        pem.fill(0);
      }
    } catch (error) {
      troubles.push(`The ${what} of '${nickname}' cannot be read from ${file}: ${sentenceOf(error)}.`);
      return undefined;
    }
  };
  const der = attempt('certificate', certificate, (pem) => firstOf(pem.toString('latin1'), certificate));
  // The private half stays here.
  const publicKey = attempt('key', key, (pem) => createPublicKey(pem).export({ type: 'spki', format: 'der' }));
  return { troubles, ...(der === undefined ? {} : { certificate: der }), ...(publicKey === undefined ? {} : { publicKey }) };
}

/** What stands above it may follow in the file; certmonger takes the first, too. */
function firstOf(text: string, file: string): Uint8Array {
  const [first] = certificatesFromPem(text, file);
  if (first === undefined) throw new HsmongerError('CERTIFICATE_INVALID', `${file} holds no certificate in PEM`);
  return first;
}

const maxBytes = 1024 * 1024;
