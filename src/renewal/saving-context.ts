import path from 'node:path';
import { pinsFile, stateDirectory } from '../config/directories.js';
import type { CertificateConfig, InstanceSite } from '../config/instance.js';
import { moduleEnvironment } from '../config/token-of.js';
import { HsmongerError } from '../errors.js';
import type { Directory } from '../directory/directory.js';
import type { Database } from '../ledger/database.js';
import type { SavingStep } from '../ledger/journal.js';
import { openPinGuard } from '../ledger/pins.js';
import { internalToken } from '../nss/internal-token.js';
import type { NssContext } from '../nss/tools.js';
import { openToken } from '../pkcs11/open-token.js';
import type { Token } from '../pkcs11/token.js';
import type { Clock } from '../platform/clock.js';
import type { run } from '../platform/run.js';

/** What saving works with; the process has dropped to the service user. */
export interface SavingContext extends InstanceSite {
  readonly clock: Clock;
  /** A session on the instance's token, or on one of its further tokens, by its name. */
  readonly openToken: (options: { readonly access: 'read' | 'write'; readonly on?: string | undefined }) => Promise<Token>;
  readonly ledger: () => Database;
  readonly run: typeof run;
  /** Bound before the drop. Absent where none is configured, or with a sentence why it could not be opened. */
  readonly directory?: Directory;
  readonly directoryTrouble?: HsmongerError;
  /** What root saw of certificates in files, by nickname, before the drop. */
  readonly files?: ReadonlyMap<string, FileSight>;
  /** Why the PKI server runs all the same, a sentence: its files must not be changed then. */
  readonly serverRuns?: string;
  /** Told of each step once it is in the journal. */
  readonly onStep?: (nickname: string, step: SavingStep) => void;
}

/** A certificate and its key in PEM files, as far as the service user may know: the key's public half. */
export interface FileSight {
  /** DER. */
  readonly certificate?: Uint8Array;
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey?: Uint8Array;
  /** Whole sentences: what could not be read. */
  readonly troubles: readonly string[];
}

/** The instance's NSS database for NSS's tools. */
export function nssOf({ instance, run }: SavingContext): NssContext {
  return { database: instance.nss.database, environment: moduleEnvironment(instance), run };
}

/** The certificate of that nickname as the instance file has it; CONFIG_INVALID when it has none. */
export function configured({ instance }: SavingContext, nickname: string): CertificateConfig {
  const found = instance.certificates.find((certificate) => certificate.nickname === nickname);
  if (found !== undefined) return found;
  throw new HsmongerError(
    'CONFIG_INVALID',
    `${instance.file} has no [[certificate]] with the nickname '${nickname}', so there is nothing to do for it; add it, or stop tracking it.`,
  );
}

/** Where superseded certificates are kept. */
export function archiveDirectory({ directories, instance }: Pick<SavingContext, 'directories' | 'instance'>): string {
  return path.join(stateDirectory(directories, instance), 'superseded');
}

/**
 * Runs `work` on the internal database opened as a token: freshly each time, because softokn may answer from a copy it made on
 * opening while certutil has written since.
 */
export async function withInternal<T>(context: SavingContext, access: 'read' | 'write', work: (internal: Token) => Promise<T>): Promise<T> {
  const pins = openPinGuard(pinsFile(context.directories, context.instance));
  try {
    const internal = await openToken(internalToken(context.instance.nss), { pins, access });
    try {
      return await work(internal);
    } finally {
      await internal.close();
    }
  } finally {
    pins.close();
  }
}
