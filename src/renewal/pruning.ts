import { HsmongerError, sentenceOf } from '../errors.js';
import { sameHost } from '../directory/master-alarm.js';
import { isRenewalMaster, listServers } from '../directory/servers.js';
import type { Instance } from '../config/instance.js';
import { ledgerOwner } from '../config/ledger-owner.js';
import type { Retained } from '../ledger/journal.js';
import type { SavingContext } from './saving-context.js';

/**
 * When this server may remove superseded certificates from the token (design rule 11): at once where no other server uses it; on a shared
 * one the renewal master alone, once the others have had time to take the new certificate; 'unknown' while the directory does not answer.
 */
export type Pruning = 'at once' | 'after the grace time' | 'never' | 'unknown';

const defaultGraceDays = 7;
const dayMs = 86_400_000;

export async function pruningOf({
  instance,
  directory,
}: Pick<SavingContext, 'instance' | 'directory'>): Promise<{ readonly pruning: Pruning; readonly why?: string }> {
  if (instance.directory === undefined) return { pruning: byOwner(instance) };
  const { base, host } = instance.directory;
  if (directory === undefined) return { pruning: 'unknown' };
  try {
    const servers = await listServers(directory, base);
    if (!servers.some((server) => server.ca && !sameHost(server.host, host))) return { pruning: 'at once' };
    return { pruning: (await isRenewalMaster(directory, base, host)) ? 'after the grace time' : 'never' };
  } catch (error) {
    if (!(error instanceof HsmongerError)) throw error;
    return { pruning: 'unknown', why: sentenceOf(error) };
  }
}

/** Without a directory nobody can be asked who has taken the new one: the owner waits its grace time out. */
function byOwner(instance: Pick<Instance, 'issuer'>): Pruning {
  switch (ledgerOwner(instance).kind) {
    case 'alone':
      return 'at once';
    case 'this host':
      return 'after the grace time';
    case 'another host':
      return 'never';
  }
}

/** Whether a certificate superseded since then may go now. */
export function mayGo(pruning: Pruning, since: Date, now: Date, graceDays = defaultGraceDays): boolean {
  switch (pruning) {
    case 'at once':
      return true;
    case 'after the grace time':
      return now.getTime() - since.getTime() >= graceDays * dayMs;
    case 'never':
    case 'unknown':
      return false;
  }
}

/** Whether any of them has had its grace time: before that nobody need be asked who may remove them. */
export function anyOverdue(retained: readonly Retained[], now: Date, graceDays?: number): boolean {
  return retained.some(({ since }) => mayGo('after the grace time', since, now, graceDays));
}
