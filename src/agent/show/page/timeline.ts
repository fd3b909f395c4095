import type { CertificateSnapshot } from '../../report/snapshot.js';
import { html, type Html } from './html.js';
import type { Scale } from './scale.js';
import type { Tone } from './standing.js';
import { dateOf } from './time.js';

/**
 * A certificate's line: earlier lives faint, its own life, the renewal window, the moment planned, today. The words beside it say the same
 * for who does not see it.
 */
export function timeLine(
  { nickname, history, notBefore, notAfter, renewal }: CertificateSnapshot,
  scale: Scale,
  now: Date,
  tone: Tone,
): Html {
  if (notBefore === undefined || notAfter === undefined)
    return html`<svg class="line" role="img" aria-label="${nickname}: how long it is valid is not known">${today(scale, now)}</svg>`;
  const words = `${nickname}: valid from ${dateOf(notBefore)} to ${dateOf(notAfter)}${renewal === undefined ? '' : `, to be renewed on ${dateOf(renewal.planned)}, between ${dateOf(renewal.from)} and ${dateOf(renewal.to)}`}`;
  return html`<svg class="line ${tone}" role="img" aria-label="${words}">
${scale.ticks.map(({ date }) => html`<line class="grid" x1="${percent(scale.at(date))}" x2="${percent(scale.at(date))}" y1="0" y2="100%"/>`)}
${history.map((life) => bar('past', scale, life.notBefore, life.notAfter))}
${bar('life', scale, notBefore, notAfter)}
${renewal === undefined ? undefined : bar('window', scale, renewal.from, renewal.to)}
${today(scale, now)}
${renewal === undefined ? undefined : moment(scale, renewal.planned)}
</svg>`;
}

/** The months above the lines. */
export function axis(scale: Scale, now: Date): Html {
  const nearToday = (date: Date) => Math.abs(scale.at(date) - scale.at(now)) < 9;
  return html`<svg class="axis" aria-hidden="true" focusable="false">
${scale.ticks.filter(({ date }) => scale.at(date) > 4 && scale.at(date) < 96 && !nearToday(date)).map(({ date, label, major }) => html`<text class="${major ? 'major' : 'minor'}" x="${percent(scale.at(date))}" y="15">${label}</text>`)}
<text class="now" x="${percent(scale.at(now))}" y="15">Today</text>
</svg>`;
}

function bar(kind: 'past' | 'life' | 'window', scale: Scale, from: Date, to: Date): Html | undefined {
  const [start, end] = [Math.max(scale.at(from), -2), Math.min(scale.at(to), 102)];
  if (end <= 0 || start >= 100 || end <= start) return undefined;
  const [y, height, radius] = kind === 'window' ? [4, 20, 3] : kind === 'life' ? [8, 12, 6] : [11, 6, 3];
  return html`<rect class="${kind}" x="${percent(start)}" width="${percent(Math.max(end - start, kind === 'window' ? 1.6 : 0.4))}" y="${y}" height="${height}" rx="${radius}"/>`;
}

function moment(scale: Scale, date: Date): Html | undefined {
  const x = scale.at(date);
  if (x < 0 || x > 100) return undefined;
  // A nested svg, as a path's coordinates cannot be percentages.
  return html`<svg class="moment" x="${percent(x)}" y="14" overflow="visible"><path d="M0-5L5 0 0 5-5 0z"/></svg>`;
}

function today(scale: Scale, now: Date): Html {
  const x = percent(scale.at(now));
  return html`<line class="today" x1="${x}" x2="${x}" y1="0" y2="100%"/>`;
}

function percent(value: number): string {
  return `${value.toFixed(2)}%`;
}
