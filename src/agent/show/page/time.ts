import { html, type Html } from './html.js';

const dayMs = 86_400_000;

/** 2027-03-05: UTC, as everywhere. */
export function dateOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** 'in 12 days', '3 hours ago', 'now'. */
export function distance(now: Date, date: Date): string {
  const ms = date.getTime() - now.getTime();
  const words = span(Math.abs(ms));
  return words === undefined ? 'now' : ms > 0 ? `in ${words}` : `${words} ago`;
}

/** Undefined below a second. */
function span(ms: number): string | undefined {
  const units = [
    ['year', 365.25 * dayMs, 2 * 365.25 * dayMs],
    ['month', 30.44 * dayMs, 120 * dayMs],
    ['day', dayMs, 2 * dayMs],
    ['hour', 3_600_000, 2 * 3_600_000],
    ['minute', 60_000, 2 * 60_000],
    ['second', 1000, 1000],
  ] as const;
  const unit = units.find(([, , from]) => ms >= from);
  if (unit === undefined) return undefined;
  const count = Math.floor(ms / unit[1]);
  return `${String(count)} ${unit[0]}${count === 1 ? '' : 's'}`;
}

/** A date for people and programs. */
export function day(date: Date): Html {
  return html`<time datetime="${date.toISOString()}">${dateOf(date)}</time>`;
}

/** The same to the minute. */
export function minute(date: Date): Html {
  return html`<time datetime="${date.toISOString()}">${date.toISOString().slice(0, 16).replace('T', ' ')}</time>`;
}
