/**
 * The process that watches the directory for one instance: started by the agent as root, it binds, drops to the service user for good and
 * tells what it sees, a line each, on a descriptor of its own. It cannot bind again: once the connection is lost it says so and ends.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceSite } from '../../config/instance.js';
import { ledgerFile } from '../../config/directories.js';
import { prepareState } from '../../config/prepare-state.js';
import type { Directory } from '../../directory/directory.js';
import { openDirectory } from '../../directory/open.js';
import { isOnlyRenewalMaster, isRenewalMaster } from '../../directory/servers.js';
import { renewalsDn } from '../../directory/tree.js';
import { HsmongerError, asHsmongerError } from '../../errors.js';
import { noteInPlace, unfinished } from '../../ledger/journal.js';
import { openLedger } from '../../ledger/ledger.js';
import type { Database } from '../../ledger/database.js';
import { sqliteAddon } from '../../platform/addons.js';
import { systemClock } from '../../platform/clock.js';
import { accountOf, dropTo } from '../../platform/service-user.js';
import { directoryOf, lookAtServers, sharedNicknames } from '../../renewal/look-at-servers.js';
import { isMissed } from '../../renewal/missed.js';
import { isDue } from '../../renewal/report.js';
import { replyDescriptor } from '../../service/order.js';
import { decode, encode } from '../../service/wire.js';
import { lookAtPublished } from './look-at-published.js';
import type { PublishedCertificate, DirectoryReport, WatcherLine } from './watcher-line.js';
import { tidyPublished } from './tidy-published.js';

/** What the agent asks of the watcher, the first line of its standard input; that it ends means the agent is gone. */
export interface WatchOrder extends InstanceSite {
  /** Milliseconds between two polls; each is up to a fifth longer or shorter. */
  readonly pollMs: number;
}

/** The renewal master is looked for less often than at what it publishes: it has days to come back. */
const serversMs = 10 * 60_000;

async function main(): Promise<void> {
  process.stdin.setEncoding('utf8');
  try {
    const order = await firstLine();
    process.stdin
      .on('end', () => process.exit(0))
      .on('error', () => process.exit(0))
      .resume();
    sqliteAddon();
    const { instance, directories } = order;
    const account = accountOf(instance.user);
    prepareState(directories, instance, account);
    const directory = await openDirectory(directoryOf(instance), { owner: account });
    dropTo(instance.user);
    await watch(directory, openLedger(ledgerFile(directories, instance)), order);
  } catch (error) {
    const { code, message } = asHsmongerError(error);
    tell({ kind: 'end', code, message });
    process.exit(1);
  }
}

/** Goes on until the connection is lost, and throws then. */
async function watch(directory: Directory, ledger: Database, { instance, pollMs }: WatchOrder): Promise<never> {
  const { base, host } = directoryOf(instance);
  const nicknames = sharedNicknames(instance);
  const listener = listen(directory, base);
  let servers: { readonly alarm?: string } = {};
  let seenServers = -Infinity;
  /** Told last time: what cannot be changed is told once. */
  let tidied: readonly string[] = [];
  for (let why: DirectoryReport['why'] = 'start'; ; why = await listener.heard(jittered(pollMs))) {
    const now = systemClock();
    // A clock that does not jump, for what is only a pause.
    if (performance.now() - seenServers >= serversMs) {
      servers = await lookAtServers({ instance, directory, ledger, now });
      seenServers = performance.now();
    }
    const renewalMaster = await isRenewalMaster(directory, base, host);
    if (renewalMaster && (await isOnlyRenewalMaster(directory, base, host))) {
      const sentences = await tidyPublished(directory, base, nicknames, now);
      for (const message of sentences.filter((sentence) => !tidied.includes(sentence)))
        tell({ kind: 'note', code: 'DIRECTORY_CHANGED', message });
      tidied = sentences;
    }
    tell({
      kind: 'report',
      why,
      renewalMaster,
      published: whetherMissed(ledger, await lookAtPublished(directory, base, nicknames, now), renewalMaster, now),
      unfinished: unfinished(ledger).filter((entry) => isDue(entry, now)).length,
      ...(servers.alarm === undefined ? {} : { alarm: servers.alarm }),
    });
  }
}

/** What is published at the first look is what this server starts from. */
function whetherMissed(
  ledger: Database,
  published: Awaited<ReturnType<typeof lookAtPublished>>,
  renewalMaster: boolean,
  now: Date,
): PublishedCertificate[] {
  return published.map((one) => {
    if (published.filter(({ nickname }) => nickname === one.nickname).length === 1) noteInPlace(ledger, one.nickname, one.certificate, now);
    return { ...one, missed: !renewalMaster && isMissed(ledger, one.nickname, one.certificate, now) };
  });
}

interface Listener {
  /** Until the directory tells of a change, or the time is over; throws once nothing will be heard any more. */
  heard(ms: number): Promise<'push' | 'poll'>;
}

/** Persistent search where the server offers it; where it does not, the poll alone is told about once and does. */
function listen(directory: Directory, base: string): Listener {
  let rung = false;
  let broken: HsmongerError | undefined;
  let wake = new AbortController();
  const search = async () => {
    // Its first word, that the server has taken it up, is a change too: what happened before it is read then.
    const changes = directory.watch({ base: renewalsDn(base), scope: 'subtree' }, new AbortController().signal)[Symbol.asyncIterator]();
    while ((await changes.next()).done !== true) {
      rung = true;
      wake.abort();
    }
    throw new HsmongerError('DIRECTORY_UNAVAILABLE', 'The directory ended the watch on the certificates the servers share.');
  };
  search().catch((error: unknown) => {
    const { code, message } = asHsmongerError(error);
    if (code === 'DIRECTORY_REFUSED') {
      tell({ kind: 'note', code, message: `The directory tells of no changes, so it is asked from time to time instead: ${message}` });
      return;
    }
    broken = asHsmongerError(error);
    wake.abort();
  });
  return {
    async heard(ms) {
      if (!rung && broken === undefined) {
        wake = new AbortController();
        await sleep(ms, undefined, { signal: wake.signal }).catch(() => undefined);
      }
      if (broken !== undefined) throw broken;
      const why = rung ? 'push' : 'poll';
      rung = false;
      return why;
    },
  };
}

function jittered(ms: number): number {
  return ms * (0.8 + 0.4 * Math.random());
}

function tell(line: WatcherLine): void {
  writeSync(replyDescriptor, `${encode(line)}\n`);
}

async function firstLine(): Promise<WatchOrder> {
  let text = '';
  for await (const chunk of process.stdin.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return decode(text) as WatchOrder;
}

void main();
