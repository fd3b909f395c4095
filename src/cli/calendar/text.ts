import type { CalendarEntry, RenewedBy } from '../../renewal/calendar/calendar.js';
import type { Renewable } from '../../agent/calendar/certificates.js';
import { columns, harmless } from '../output.js';

export interface CalendarReport {
  readonly from: Date;
  readonly until: Date;
  readonly entries: readonly CalendarEntry[];
  readonly without: Renewable['without'];
}

/** One line for each renewal, soonest first, then what is to be said of some. */
export function calendarText({ from, until, entries, without }: CalendarReport, colour: boolean): string {
  const several = new Set([...entries, ...without].map(({ instance }) => instance)).size > 1;
  const name = ({ instance, nickname }: { readonly instance: string; readonly nickname: string }) =>
    several ? `${instance}: ${nickname}` : nickname;
  const renewals = entries
    .flatMap((entry) => [entry, ...entry.later].map((renewal) => ({ entry, renewal, next: renewal === entry })))
    .sort((one, other) => one.renewal.planned.getTime() - other.renewal.planned.getTime());
  const rows = renewals.map(({ entry, renewal, next }) => {
    const due = renewal.planned <= from;
    const far = renewal.planned > until;
    return [
      {
        text: due ? 'now' : minute(renewal.planned),
        ...(due ? { style: 'yellow' as const } : far || !next ? { style: 'dim' as const } : {}),
      },
      { text: name(entry) },
      { text: entry.profile },
      { text: next ? day(entry.notAfter) : '' },
      { text: minute(renewal.from) },
      { text: minute(renewal.to) },
      { text: begunBy[entry.by] },
    ];
  });
  const notes = [
    ...entries.flatMap((entry) => entry.notes.map((note) => `${name(entry)}: ${note}`)),
    ...without.map((one) => `${name(one)}: not in the calendar, ${one.why}`),
  ];
  const table =
    rows.length === 0
      ? 'No certificate is renewed here.\n'
      : columns(['PLANNED (UTC)', 'NICKNAME', 'PROFILE', 'EXPIRES', 'WINDOW FROM', 'TO', 'BEGUN BY'], rows, colour);
  return [
    `Renewals from ${day(from)} to ${day(until)}\n`,
    table,
    ...(notes.length === 0 ? [] : ['\n', ...notes.map((note) => `${harmless(note)}\n`)]),
  ].join('');
}

const begunBy: Readonly<Record<RenewedBy, string>> = {
  agent: 'agent',
  certmonger: 'certmonger',
  'renewal master': 'renewal master',
  person: 'a person',
};

function minute(date: Date): string {
  return date.toISOString().slice(0, 16).replace('T', ' ');
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
