import { certificateKey, type CalendarEntry, type Renewal, type RenewedBy } from '../../renewal/calendar/calendar.js';

export interface CalendarChart {
  readonly entries: readonly CalendarEntry[];
  readonly now: Date;
  readonly until: Date;
}

/** In units of the picture; a phone shows it two thirds as wide, and what is written must still be read there. */
const size = { width: 560, left: 18, right: 18, head: 104, row: 62, bar: 14, foot: 78 };
/** More lines are no picture any more. */
const mostRows = 60;
const dayMs = 86_400_000;

const colours = {
  light: {
    paper: '#ffffff',
    ink: '#1c2430',
    faint: '#5d6b7c',
    line: '#e3e8ee',
    life: '#c9d8e8',
    window: '#f2b84b',
    planned: '#b45309',
    today: '#c2255c',
    ended: '#e03131',
  },
  dark: {
    paper: '#12171e',
    ink: '#e8edf3',
    faint: '#96a5b6',
    line: '#27303b',
    life: '#34506c',
    window: '#b98419',
    planned: '#ffd27a',
    today: '#ff7aa8',
    ended: '#ff6b6b',
  },
};

/** The calendar as an SVG document of its own: no script, nothing from elsewhere, light or dark as whoever looks at it likes. */
export function drawCalendar({ entries, now, until }: CalendarChart): string {
  const shown = [...entries].sort((one, other) => one.planned.getTime() - other.planned.getTime()).slice(0, mostRows);
  const height = size.head + Math.max(shown.length, 1) * size.row + size.foot;
  const axis = { top: size.head - 20, bottom: height - size.foot, x: scale(now, until) };
  const several = new Set(entries.map(({ instance }) => instance)).size > 1;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(size.width)} ${String(height)}" width="100%" class="calendar" role="img" aria-labelledby="calendar-title" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif">`,
    `<title id="calendar-title">Renewals from ${day(now)} to ${day(until)}</title>`,
    style(),
    `<rect class="paper" width="${String(size.width)}" height="${String(height)}" rx="12"/>`,
    text(size.left, 38, 'title', 'Renewal calendar'),
    text(
      size.left,
      60,
      'faint',
      `${day(now)} to ${day(until)}${entries.length > shown.length ? `, the next ${String(shown.length)} of ${String(entries.length)} certificates` : ''}`,
    ),
    ...months(now, until, axis),
    ...(shown.length === 0
      ? [text(size.left, size.head + 32, 'faint', 'No certificate is renewed here.')]
      : shown.map((entry, index) => row(entry, size.head + index * size.row, { now, until, several }))),
    ...legend(
      axis.bottom + 30,
      entries.some(({ by }) => by !== 'agent'),
    ),
    '</svg>',
    '',
  ].join('\n');
}

/** The first month before today is shown, so that it can be seen where lives come from. */
function scale(now: Date, until: Date): (date: Date) => number {
  const begin = now.getTime() - (until.getTime() - now.getTime()) / 12;
  const width = size.width - size.left - size.right;
  return (date) => size.left + Math.min(1, Math.max(0, (date.getTime() - begin) / (until.getTime() - begin))) * width;
}

function months(
  now: Date,
  until: Date,
  { top, bottom, x }: { readonly top: number; readonly bottom: number; readonly x: (date: Date) => number },
): string[] {
  const lines: string[] = [];
  for (
    let month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1));
    month <= until;
    month = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 1))
  ) {
    const where = x(month);
    if (where <= size.left || where > size.width - size.right - 26) continue;
    const name = month.toLocaleDateString('en', { month: 'short', timeZone: 'UTC' });
    lines.push(
      `<line class="grid" x1="${at(where)}" x2="${at(where)}" y1="${at(top)}" y2="${at(bottom)}"/>`,
      text(where + 3, top + 10, 'month', month.getUTCMonth() === 0 ? String(month.getUTCFullYear()) : name),
    );
  }
  return lines;
}

function row(
  entry: CalendarEntry,
  top: number,
  { now, until, several }: { readonly now: Date; readonly until: Date; readonly several: boolean },
): string {
  const x = scale(now, until);
  const bar = top + 32;
  const mid = bar + size.bar / 2;
  const end = x(entry.notAfter);
  const renewals = [entry, ...entry.later];
  const name = several ? certificateKey(entry) : entry.nickname;
  return [
    `<g>`,
    `<title>${escape(`${name}: ${sentenceOf(entry, now)}`)}</title>`,
    `<line class="grid" x1="${at(size.left)}" x2="${at(size.width - size.right)}" y1="${at(top)}" y2="${at(top)}"/>`,
    text(size.left, top + 21, 'name', shortened(name, 38)),
    text(size.width - size.right, top + 21, 'when', whenOf(entry, now), 'end'),
    // The present life fades into those that follow it.
    `<rect class="follows" x="${at(size.left)}" y="${at(bar)}" width="${at(size.width - size.left - size.right)}" height="${String(size.bar)}" rx="4"/>`,
    `<rect class="${entry.notAfter <= now ? 'ended' : 'life'}" x="${at(x(entry.notBefore))}" y="${at(bar)}" width="${at(Math.max(end - x(entry.notBefore), 2))}" height="${String(size.bar)}" rx="4"/>`,
    ...renewals.map(({ from, to }) =>
      x(to) > size.left && from <= until
        ? `<rect class="window" x="${at(x(from))}" y="${at(bar - 3)}" width="${at(Math.max(x(to) - x(from), 3))}" height="${String(size.bar + 6)}" rx="2"/>`
        : '',
    ),
    `<line class="today" x1="${at(x(now))}" x2="${at(x(now))}" y1="${at(bar - 5)}" y2="${at(bar + size.bar + 5)}"/>`,
    ...renewals.map(({ planned }) => (planned <= until ? diamond(x(planned < now ? now : planned), mid, entry.by) : '')),
    '</g>',
  ]
    .filter((line) => line !== '')
    .join('\n');
}

/** Hollow where it is not the agent that begins it. */
function diamond(x: number, y: number, by: RenewedBy): string {
  return `<path class="planned${by === 'agent' ? '' : ' others'}" d="M${at(x)} ${at(y - 7)}l5 7l-5 7l-5 -7z"/>`;
}

function legend(y: number, others: boolean): string[] {
  const second = y + 24;
  const half = size.left + 170;
  return [
    `<rect class="life" x="${at(size.left)}" y="${at(y - 10)}" width="26" height="10" rx="3"/>`,
    text(size.left + 34, y, 'faint', 'valid'),
    `<rect class="window" x="${at(half)}" y="${at(y - 11)}" width="26" height="12" rx="2"/>`,
    text(half + 34, y, 'faint', 'renewal window'),
    `<line class="today" x1="${at(half + 190)}" x2="${at(half + 190)}" y1="${at(y - 14)}" y2="${at(y + 4)}"/>`,
    text(half + 202, y, 'faint', 'today'),
    diamond(size.left + 13, second - 5, 'agent'),
    text(size.left + 34, second, 'faint', 'planned'),
    ...(others ? [diamond(half + 13, second - 5, 'certmonger'), text(half + 34, second, 'faint', 'not begun by the agent')] : []),
  ];
}

function whenOf(entry: CalendarEntry, now: Date): string {
  return entry.planned <= now
    ? 'due now'
    : `${day(entry.planned)}${entry.planned.getTime() - now.getTime() < 3 * dayMs ? ` ${clock(entry.planned)}` : ''}`;
}

function sentenceOf(entry: CalendarEntry, now: Date): string {
  const renewal: Renewal = entry;
  return `valid until ${day(entry.notAfter)}, renewal ${whenOf(entry, now)} (window ${day(renewal.from)} to ${day(renewal.to)})${entry.notes.length === 0 ? '' : `. ${entry.notes.join(' ')}`}`;
}

function style(): string {
  const rules = (of: (typeof colours)['light']) =>
    [
      `.paper{fill:${of.paper}}.title,.name{fill:${of.ink}}.faint,.month,.when{fill:${of.faint}}.grid{stroke:${of.line}}`,
      `.follows{fill:${of.life};opacity:.28}.life{fill:${of.life}}.ended{fill:${of.ended}}.window{fill:${of.window}}.planned{fill:${of.planned};stroke:${of.paper}}.others{fill:${of.paper};stroke:${of.planned}}text{stroke:${of.paper}}.today{stroke:${of.today}}`,
    ].join('');
  return [
    '<style>',
    // Not an attribute: the page's policy allows a style by its digest alone.
    `.calendar{max-width:${String(size.width * 1.4)}px}`,
    '.title{font-size:24px;font-weight:650}.name{font-size:17px;font-weight:550}.when{font-size:16px;font-variant-numeric:tabular-nums}.faint{font-size:15px}.month{font-size:13px}',
    // Written over the lines of the months.
    'text{stroke-width:4;stroke-linejoin:round;paint-order:stroke}.grid{stroke-width:1}.today{stroke-width:2}.planned{stroke-width:1.5}',
    rules(colours.light),
    `@media (prefers-color-scheme:dark){${rules(colours.dark)}}`,
    '</style>',
  ].join('\n');
}

function text(x: number, y: number, kind: string, words: string, anchor: 'start' | 'end' = 'start'): string {
  return `<text class="${kind}" x="${at(x)}" y="${at(y)}"${anchor === 'end' ? ' text-anchor="end"' : ''}>${escape(words)}</text>`;
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function clock(date: Date): string {
  return `${date.toISOString().slice(11, 16)} UTC`;
}

function shortened(words: string, most: number): string {
  const letters = Array.from(words);
  return letters.length > most ? `${letters.slice(0, most - 1).join('')}…` : words;
}

/** XML 1.0 has no place for control characters, not even escaped. */
function escape(words: string): string {
  return words
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"']/gu, (character) => `&#${String(character.codePointAt(0))};`);
}
