import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { HsmongerError, sentenceOf } from '../../errors.js';

/** Where FreeIPA's tools look for the request of a CA that another CA signs (/var/lib/ipa/ca.csr). */
export interface CsrFile {
  readonly path: string;
  /** Replaces what is in it; STATE_UNAVAILABLE when it cannot. */
  write(pem: string): void;
  close(): void;
}

/** Opens it as root, before the drop, and changes nothing yet. */
export function openCsrFile(path: string): CsrFile {
  const descriptor = open(path);
  return {
    path,
    write: (pem) => {
      try {
        // In place, and cut only afterwards: on a full disk the space the old request has is there for the new one.
        const octets = Buffer.from(pem);
        for (let at = 0; at < octets.length;) at += writeSync(descriptor, octets, at, octets.length - at, at);
        ftruncateSync(descriptor, octets.length);
        fsyncSync(descriptor);
      } catch (error) {
        throw failed(path, error);
      }
    },
    close: () => {
      closeSync(descriptor);
    },
  };
}

function open(path: string): number {
  try {
    const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
    if (fstatSync(descriptor).isFile()) return descriptor;
    closeSync(descriptor);
    throw new Error('it is no plain file');
  } catch (error) {
    throw failed(path, error);
  }
}

// In front the words FreeIPA's helper has for it.
function failed(path: string, error: unknown): HsmongerError {
  return new HsmongerError(
    'STATE_UNAVAILABLE',
    `Failed to write ${path}: ${sentenceOf(error)}; the CA's certificate request belongs there.`,
    { cause: error },
  );
}
