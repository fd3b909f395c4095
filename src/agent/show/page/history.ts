import type { AgentEvent, EventKind } from '../../report/events.js';
import type { AgentSnapshot } from '../../report/snapshot.js';
import { html, type Html } from './html.js';
import { eventTone, icon } from './icons.js';
import { day, distance, minute } from './time.js';

const shown = { events: 40, others: 200 };

/** What happened, newest first. */
export function history({ events, startedAt, at }: AgentSnapshot): Html {
  const newest = [...events].reverse().slice(0, shown.events);
  return html`<section aria-labelledby="history">
<h2 id="history">What happened</h2>
${
  newest.length === 0
    ? html`<p>Nothing worth telling since the agent was started ${distance(at, startedAt)}.</p>`
    : html`<table class="history">
<caption>Events, newest first; times are UTC</caption>
<thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">About</th><th scope="col">In words</th></tr></thead>
<tbody>${newest.map(row)}</tbody>
</table>`
}
</section>`;
}

function row({ at, kind, instance, nickname, message }: AgentEvent): Html {
  const tone = eventTone(kind);
  return html`<tr><td class="when">${minute(at)}</td><td><span class="badge ${tone}">${icon(tone)}${title(kind)}</span></td><td class="about"><span class="name">${nickname ?? instance}</span></td><td class="words">${message}</td></tr>`;
}

/** What certmonger tracks besides ours: not looked after here, but whoever watches wants to know. */
export function others({ requests, instances }: AgentSnapshot): Html | undefined {
  const ours = new Set(instances.flatMap(({ certificates }) => certificates.flatMap(({ request }) => request ?? [])));
  const rest = requests.filter(({ nickname }) => !ours.has(nickname));
  if (rest.length === 0) return undefined;
  return html`<section aria-labelledby="others"><h2 id="others">Other certificates in certmonger</h2>
<details><summary>${rest.length} that hsmonger does not look after</summary>
<table class="others">
<caption>${rest.length > shown.others ? `The first ${String(shown.others)} of ${String(rest.length)} requests` : 'Requests that are not of hsmonger'}</caption>
<thead><tr><th scope="col">Request</th><th scope="col">CA</th><th scope="col">State</th><th scope="col">Ends</th></tr></thead>
<tbody>${rest.slice(0, shown.others).map(({ nickname, ca, status, stuck, notAfter, storage }) => html`<tr><th scope="row"><span class="name">${nickname}</span><span class="quiet">${storage.file ?? storage.nickname}</span></th><td>${ca}</td><td>${status}${stuck ? ', stuck' : ''}</td><td>${notAfter === undefined ? 'not known' : day(notAfter)}</td></tr>`)}</tbody>
</table></details></section>`;
}

function title(kind: EventKind): string {
  return kind.charAt(0).toUpperCase() + kind.slice(1);
}
