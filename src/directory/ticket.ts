import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../errors.js';
import { ownPrefix, sweepAbandoned, type Owner } from '../platform/abandoned.js';
import { run } from '../platform/run.js';

/** A Kerberos ticket in a cache of its own. */
export interface Ticket {
  /** What makes Kerberos programs use it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly remove: () => void;
}

export interface TicketOptions {
  readonly keytab: string;
  readonly principal: string;
  /** Who will use it; the cache is theirs alone. Default: this user. */
  readonly owner?: Owner;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

const purpose = 'hsmonger-krb5';

/**
 * kinit from a keytab, which root alone can read: before the drop. DIRECTORY_UNAVAILABLE where no KDC answers, DIRECTORY_REFUSED otherwise.
 */
export async function fetchTicket({ keytab, principal, owner, environment = {}, timeoutMs }: TicketOptions): Promise<Ticket> {
  sweepAbandoned(tmpdir(), purpose, owner);
  const directory = mkdtempSync(ownPrefix(tmpdir(), purpose));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const cache = path.join(directory, 'ccache');
  const own = { ...environment, KRB5CCNAME: `FILE:${cache}` };
  try {
    await run('kinit', ['-k', '-t', keytab, principal], { env: own, timeoutMs, cwd: '/' });
    if (owner !== undefined && owner.uid !== process.getuid?.())
      for (const file of [cache, directory]) chownSync(file, owner.uid, owner.gid);
    return { environment: own, remove };
  } catch (error) {
    remove();
    const said = sentenceOf(error);
    const transient = /no answer in time|contact any KDC|resolve network address|timed out|temporar/iu.test(said);
    throw new HsmongerError(
      transient ? 'DIRECTORY_UNAVAILABLE' : 'DIRECTORY_REFUSED',
      `No Kerberos ticket for ${principal} with ${keytab}: ${said}${transient ? '' : ' Check directory.keytab and directory.principal.'}`,
      { cause: error },
    );
  }
}
