import type { AgentSnapshot } from '../../report/snapshot.js';
import { history, others } from './history.js';
import { Html, html } from './html.js';
import { icon } from './icons.js';
import { instanceSection } from './instance.js';
import { problems } from './problems.js';
import { scaleFor } from './scale.js';
import { standingOf, tones, verdictOf } from './standing.js';
import { style } from './style.js';
import { distance, minute } from './time.js';

export interface PageOptions {
  /** Told in the title: whoever looks after several servers has several tabs. */
  readonly host: string;
  /** Comes again by itself every 30 s, or stays as it is for who reads it slowly. */
  readonly refresh: 'by itself' | 'by hand';
}

const refreshSeconds = 30;

/** The whole page, HTML without scripts. */
export function pageOf(snapshot: AgentSnapshot, { host, refresh }: PageOptions): string {
  const { at, instances, version, startedAt } = snapshot;
  const all = instances.flatMap(({ certificates }) => certificates);
  const scale = scaleFor(
    at,
    all.flatMap(({ renewal, notAfter }) => renewal?.planned ?? notAfter ?? []),
  );
  const { tone, sentence } = verdictOf(snapshot);
  const next = all
    .flatMap((one) =>
      one.renewal === undefined || one.renewal.planned < at ? [] : [{ nickname: one.nickname, planned: one.renewal.planned }],
    )
    .sort((a, b) => a.planned.getTime() - b.planned.getTime())[0];
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${refresh === 'by itself' ? html`<meta http-equiv="refresh" content="${refreshSeconds}">` : undefined}
<title>${sentence} ${host} &#8211; hsmonger</title>
<link rel="icon" href="icon.svg">
<style>${new Html(style)}</style>
</head>
<body>
<a class="skip" href="#main">To the certificates</a>
<header>
<p class="brand"><strong>hsmonger</strong> <span class="quiet">${host}</span></p>
<p class="made">${minute(at)} UTC &#183; ${refresh === 'by itself' ? html`<a href="?still">stop refreshing</a>` : html`<a href="./">refresh every ${refreshSeconds} seconds</a>`}</p>
</header>
<main id="main">
<div class="verdict ${tone}">${icon(tone)}<div>
<h1>${sentence}</h1>
${next === undefined ? undefined : html`<p>Next renewal: <span class="name">${next.nickname}</span>, ${distance(at, next.planned)}.</p>`}
</div></div>
${counts(snapshot)}
${problems(snapshot)}
${all.length === 0 ? undefined : html`<div class="above">${legend()}<a href="calendar.svg">Renewals of the next twelve months</a></div>`}
${instances.map((instance, index) => instanceSection(instance, index, scale, at))}
${instances.length === 0 ? html`<section><h2>Nothing is set up</h2><p>Run <code>hsmonger setup</code>; what it sets up appears here.</p></section>` : undefined}
${history(snapshot)}
${others(snapshot)}
</main>
<footer><p>hsmonger ${version}, agent started ${distance(at, startedAt)}. This page only shows; what changes something is the command <code>hsmonger</code>.</p></footer>
</body>
</html>
`.text;
}

const tally = { bad: 'in trouble', warn: 'with a warning', busy: 'being renewed', unclear: 'not known', good: 'in order' } as const;

function counts({ instances, at }: AgentSnapshot): Html | undefined {
  const standings = instances.flatMap(({ certificates }) => certificates.map((one) => standingOf(one, at)));
  if (new Set(standings.map(({ tone }) => tone)).size < 2) return undefined;
  return html`<ul class="counts" aria-label="Certificates by state">${tones.map((tone) => {
    const count = standings.filter((one) => one.tone === tone).length;
    return count === 0 ? undefined : html`<li class="badge ${tone}">${icon(tone)}<strong>${count}</strong> ${tally[tone]}</li>`;
  })}</ul>`;
}

function legend(): Html {
  const sample = (content: Html) => html`<svg class="sample" viewBox="0 0 28 16" aria-hidden="true" focusable="false">${content}</svg>`;
  return html`<ul class="legend" aria-label="What the time lines show">
<li>${sample(html`<rect class="past" x="1" y="5" width="26" height="6" rx="3"/>`)}earlier certificate</li>
<li>${sample(html`<rect class="life" x="1" y="3" width="26" height="10" rx="5"/>`)}valid</li>
<li>${sample(html`<rect class="window" x="5" y="1" width="18" height="14" rx="3"/>`)}may be renewed</li>
<li>${sample(html`<g transform="translate(14 8)" class="moment"><path d="M0-5L5 0 0 5-5 0z"/></g>`)}renewal planned</li>
<li>${sample(html`<line class="today" x1="14" x2="14" y1="0" y2="16"/>`)}today</li>
</ul>`;
}
