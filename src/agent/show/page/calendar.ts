import { drawCalendar } from '../../calendar/calendar-chart.js';
import type { AgentSnapshot } from '../../report/snapshot.js';

const yearMs = 365 * 86_400_000;

/** The renewals of the next twelve months as a picture, and the style in it, which whoever serves it has to allow. */
export function calendarOf({ at, instances }: AgentSnapshot): { readonly svg: string; readonly style: string } {
  const entries = instances.flatMap(({ name, certificates }) =>
    certificates.flatMap(({ nickname, profile, notBefore, notAfter, renewal }) =>
      notBefore === undefined || notAfter === undefined || renewal === undefined
        ? []
        : [{ instance: name, nickname, profile, notBefore, notAfter, by: 'agent' as const, later: [], notes: [], ...renewal }],
    ),
  );
  const svg = drawCalendar({ entries, now: at, until: new Date(at.getTime() + yearMs) });
  return { svg, style: /<style>(.*?)<\/style>/su.exec(svg)?.[1] ?? '' };
}
