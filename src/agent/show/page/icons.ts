import type { EventKind } from '../../report/events.js';
import { html, type Html } from './html.js';
import type { Tone } from './standing.js';

/** A shape for each tone: told apart without colours. On a 16 by 16 field; the word stands beside it. */
const shapes: Readonly<Record<Tone, Html>> = {
  good: html`<circle cx="8" cy="8" r="7" class="fill"/><path d="M4.8 8.3l2.2 2.2 4.2-4.6" class="mark"/>`,
  busy: html`<circle cx="8" cy="8" r="7" class="fill"/><path d="M8 4.2v4l2.6 1.7" class="mark"/>`,
  warn: html`<path d="M8 1.2l7.1 13H.9z" class="fill"/><path d="M8 6.2v3.6M8 11.9v.3" class="mark"/>`,
  bad: html`<path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" class="fill"/><path d="M5.5 5.5l5 5M10.5 5.5l-5 5" class="mark"/>`,
  unclear: html`<circle cx="8" cy="8" r="7" class="fill"/><path d="M6.2 6.4a1.9 1.9 0 1 1 2.6 1.8c-.6.3-.8.6-.8 1.2M8 11.7v.3" class="mark"/>`,
};

export function icon(tone: Tone): Html {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${shapes[tone]}</svg>`;
}

export function eventTone(kind: EventKind): Tone {
  switch (kind) {
    case 'renewed':
    case 'healed':
    case 'unlocked':
      return 'good';
    case 'reconciled':
      return 'busy';
    case 'expiring':
    case 'trouble':
    case 'locked':
      return 'warn';
    case 'failed':
      return 'bad';
  }
}

/** The tab's: a key on a shield. */
export const favicon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#1f5f63"/><circle cx="12" cy="16" r="5" fill="none" stroke="#fff" stroke-width="3"/><path d="M17 16h9m-3 0v5" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>';
