import type { Instance } from '../config/instance.js';
import type { TaskName } from './tasks.js';

/** What a task works with that can keep it waiting for ever. NSS's own tools load every module of the database. */
export type Opened = 'module' | 'authority' | 'NSS database' | 'state' | 'files';

/** What the processes on both sides of a task must know of it. */
interface TaskFacts {
  readonly opens: readonly Opened[];
  /** It is given what only root can read, got before the drop; and the directory's connection for the instances this is true for. */
  readonly privileged?: (instance: Instance) => boolean;
  /** It may make a key: large RSA keys take a smart card minutes (a YubiHSM 2 over four, for 4096 bits). */
  readonly makesKey?: true;
  /** Threads of clerks are started after the drop, by code read before it. */
  readonly clerks?: true;
}

const onToken: TaskFacts = { opens: ['module'] };
const onTokenByLedger: TaskFacts = { opens: ['module', 'state'] };
const inState: TaskFacts = { opens: ['state'] };
const byNssTools: TaskFacts = { opens: ['NSS database', 'module'] };
const inDirectory: TaskFacts = { opens: ['state'], privileged: () => true };
const saving: TaskFacts = { opens: ['module', 'NSS database', 'state'], privileged: () => true };

/**
 * A row for each of tasks.ts. Apart from the tasks themselves: who asks for one, every command and hook, reads this and loads none of
 * their code.
 */
export const taskFacts: Readonly<Record<TaskName, TaskFacts>> = {
  'inspect NSS database': byNssTools,
  'inspect internal store': { opens: ['NSS database'] },
  'inspect token': onToken,
  'list tokens': onToken,
  'identify tokens': onToken,
  'adopt certificate': onToken,
  'list NSS modules': byNssTools,
  'list objects': onToken,
  'list mechanisms': onToken,
  'plan new token': onToken,
  'make token': onToken,
  'make key': { ...onToken, makesKey: true },
  'put certificate': onToken,
  'prune certificates': { ...onTokenByLedger, privileged: () => true },
  'move key id': onTokenByLedger,
  'check keys': onToken,
  'count objects': onToken,
  'move PIN aside': { opens: ['files'] },
  'prove PIN': onToken,
  'change token PIN': onToken,
  'preview renewals': onTokenByLedger,
  'read ledger': inState,
  'note what is in place': onTokenByLedger,
  'examine state': inState,
  'add NSS module': byNssTools,
  'remove NSS module': byNssTools,
  'read setup memory': inState,
  'write setup memory': inState,
  'keep in state': inState,
  'empty state': inState,
  'begin backup': inState,
  'read state parts': inState,
  'end backup': inState,
  'write state parts': inState,
  'settle restored state': inState,
  'mark of ledger': inState,
  'hold ledger': inState,
  // It finishes what is left only where no server has to be stopped for that (beforeSaving).
  'before saving': { ...saving, privileged: ({ pki }) => pki?.unit === undefined },
  'prepare saving': { ...saving, privileged: () => false },
  'after saving': saving,
  'pending savings': { ...saving, privileged: () => false },
  'resume saving': saving,
  'finish saving': { opens: ['state'] },
  'make request': onToken,
  'kind of import': onToken,
  'import certificate': onTokenByLedger,
  'make NSS database': { opens: ['NSS database'] },
  'make root': { ...onTokenByLedger, makesKey: true },
  'request CA certificate': { ...onTokenByLedger, makesKey: true },
  'subject asked for': inState,
  'store CA certificate': onToken,
  'import CA certificate': onTokenByLedger,
  'list certificates': inState,
  'show certificate': onTokenByLedger,
  'is revoked': inState,
  'read CA chain': onToken,
  'issue certificates': { ...onTokenByLedger, clerks: true },
  'issue on token': { ...onTokenByLedger, makesKey: true },
  'preview issuance': onTokenByLedger,
  'revoke certificate': onTokenByLedger,
  'make CRL': onTokenByLedger,
  'export issued': onTokenByLedger,
  'look at token': onToken,
  'look at NSS database': byNssTools,
  'set trust': byNssTools,
  'list internal nicknames': byNssTools,
  'look at servers': inDirectory,
  'compare servers': inDirectory,
  'look at authority': { opens: ['authority'] },
  'read PKI configuration': { opens: ['files'] },
  'set renewal master': inDirectory,
  'read CA certificates': inDirectory,
};
