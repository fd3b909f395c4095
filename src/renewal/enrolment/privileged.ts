import type { Instance } from '../../config/instance.js';
import { openRenewalLock, type RenewalLock } from '../../freeipa/renewal-lock.js';
import type { SharedStore } from '../../issuer/directory/shared-store.js';
import type { Agent } from '../../issuer/dogtag/agent.js';
import type { Account } from '../../platform/service-user.js';
import type { EnrolVariables } from '../../protocol/operation.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateFromPem } from '../../x509/pem.js';
import { openCsrFile, type CsrFile } from './csr-file.js';

/**
 * What only root can open, opened before the drop and used after it (design rule 6). Each is a call that gives it, or throws what kept it
 * from being opened: that is remembered with the outcome, which only the service user may write down.
 */
export interface Privileged {
  readonly store?: () => SharedStore;
  readonly lock?: () => RenewalLock;
  readonly csrFile?: () => CsrFile;
  readonly agent: () => Agent | undefined;
  close(): Promise<void>;
}

export async function openPrivileged(instance: Instance, variables: EnrolVariables | undefined, owner: Account): Promise<Privileged> {
  const { directory, freeipa } = instance;
  const store =
    directory === undefined
      ? undefined
      : await attempt(async () => {
          // Loaded where it is used: most instances have none.
          const [{ openDirectory }, { createSharedStore }] = await Promise.all([
            import('../../directory/open.js'),
            import('../../issuer/directory/shared-store.js'),
          ]);
          return createSharedStore(await openDirectory(directory, { owner, watches: false }), directory);
        });
  const lock = freeipa === undefined || variables === undefined ? undefined : await attempt(() => openRenewalLock(freeipa.lockFile));
  const csrFile =
    freeipa === undefined || variables === undefined || !mayBeTheCa(variables)
      ? undefined
      : await attempt(() => openCsrFile(freeipa.csrFile));
  const agent = await attempt(() => agentOf(instance));
  return {
    agent: agent.get,
    ...(store === undefined ? {} : { store: store.get }),
    ...(lock === undefined ? {} : { lock: lock.get }),
    ...(csrFile === undefined ? {} : { csrFile: csrFile.get }),
    close: async () => {
      csrFile?.opened?.close();
      lock?.opened?.close();
      await store?.opened?.close();
    },
  };
}

async function agentOf({ issuer }: Instance): Promise<Agent | undefined> {
  return issuer.type === 'dogtag' ? (await import('../../issuer/dogtag/agent.js')).readAgent(issuer) : undefined;
}

interface Attempt<T> {
  readonly opened?: T;
  readonly get: () => T;
}

async function attempt<T>(open: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    const opened = await open();
    return { opened, get: () => opened };
  } catch (error) {
    return {
      get: () => {
        throw error;
      },
    };
  }
}

function mayBeTheCa({ profile, oldCertificate }: EnrolVariables): boolean {
  if (profile === 'caCACert') return true;
  try {
    return oldCertificate !== undefined && parseCertificate(certificateFromPem(oldCertificate)).isCa;
  } catch {
    return false;
  }
}
