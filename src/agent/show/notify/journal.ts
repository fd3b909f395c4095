import { lstatSync } from 'node:fs';
import { harmless } from '../../../platform/harmless.js';
import { run } from '../../../platform/run.js';
import type { AgentEvent, EventKind } from '../../report/events.js';

/** What the journal keeps of each kind: a MESSAGE_ID for good (packaging/journal/hsmonger.catalog explains it), and syslog's priority. */
export const journalKinds: Readonly<Record<EventKind, { readonly id: string; readonly priority: number }>> = {
  renewed: { id: '26a446e957e147738caee0f4e1f8d911', priority: 5 },
  failed: { id: '61570793865441a9a82edb898d31e035', priority: 3 },
  expiring: { id: '911d4180f48d49c2a45a39d70040b080', priority: 4 },
  trouble: { id: '354c98e641484dcda688b9f58f717da5', priority: 4 },
  healed: { id: 'f9d1185b6b904891a9b10c535577800a', priority: 5 },
  locked: { id: '6f59a9f92ad74d4c8efdd9a1c0c091d6', priority: 4 },
  unlocked: { id: '27ef4290abd04b09a7773f1bac5e2393', priority: 5 },
  reconciled: { id: '9a4dbcd368e444e5a4bf544d729c98b8', priority: 5 },
};

const socket = '/run/systemd/journal/socket';
const maxValue = 4000;

/** sd_journal_send(3) says nothing where nobody listens, and so does logger: who wants to know has to look. */
export function journalListens(): boolean {
  return lstatSync(socket, { throwIfNoEntry: false })?.isSocket() === true;
}

/** An event with its fields, by logger(1) from util-linux: Node has no datagram sockets. */
export async function tellJournal(event: AgentEvent): Promise<void> {
  await run('logger', ['--journald'], { input: journalEntry(event), timeoutMs: 10_000 });
}

/** FIELD=value, a line each (systemd.journal-fields(7)); of what comes from outside no line is made. Our fields begin with HSMONGER_. */
export function journalEntry({ kind, instance, nickname, message, details = {} }: AgentEvent): string {
  const { id, priority } = journalKinds[kind];
  const own = Object.entries(details).map(
    ([name, value]) => [`HSMONGER_${name.toUpperCase().replace(/[^A-Z0-9]+/gu, '_')}`, value] as const,
  );
  const fields: (readonly [string, string])[] = [
    ['MESSAGE', message],
    ['MESSAGE_ID', id],
    ['PRIORITY', String(priority)],
    ['SYSLOG_IDENTIFIER', 'hsmonger-agent'],
    ['HSMONGER_EVENT', kind],
    ['HSMONGER_INSTANCE', instance],
    ...(nickname === undefined ? [] : [['HSMONGER_NICKNAME', nickname] as const]),
    ...own,
  ];
  return fields.map(([name, value]) => `${name}=${harmless(value).slice(0, maxValue)}\n`).join('');
}
