import { harmless } from '../../../platform/harmless.js';

/** Markup that may be put into a page as it is: made by the `html` tag alone. */
export class Html {
  constructor(readonly text: string) {}
}

export type Fragment = Html | string | number | undefined | readonly Fragment[];

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** A tag for templates: what is put in is text, and shown as text, unless it is Html itself. Attributes must stand in quotes. */
export function html(parts: TemplateStringsArray, ...values: readonly Fragment[]): Html {
  return new Html(parts.reduce((before, part, index) => before + shown(values[index - 1]) + part));
}

function shown(value: Fragment): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return harmless(value).replace(/[&<>"']/gu, (character) => entities[character] ?? '');
  return value.map(shown).join('');
}
