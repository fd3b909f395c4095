import type { CertificateSnapshot, InstanceSnapshot, TokenSnapshot } from '../../report/snapshot.js';
import { html, type Fragment, type Html } from './html.js';
import { icon } from './icons.js';
import type { Scale } from './scale.js';
import { standingOf, tones, type Tone } from './standing.js';
import { day, distance } from './time.js';
import { axis, timeLine } from './timeline.js';

/** An instance's token and certificates, the most urgent first. `index` makes its ids its own. */
export function instanceSection(instance: InstanceSnapshot, index: number, scale: Scale, now: Date): Html {
  const id = `instance-${String(index)}`;
  const rows = [...instance.certificates].sort((a, b) => urgency(a, now) - urgency(b, now) || moment(a) - moment(b));
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${instance.name}</h2>
<dl class="facts">
${instance.token === undefined ? undefined : tokenFacts(instance.token, now)}
${(instance.otherTokens ?? []).map((token) => tokenFacts(token, now))}
${instance.reconciled === undefined ? undefined : fact('Compared with its file', html`${distance(now, instance.reconciled.at)}${instance.reconciled.changes === 0 ? ', nothing to change' : `, ${String(instance.reconciled.changes)} to change`}`)}
</dl>
${
  rows.length === 0
    ? html`<p>It has no certificates yet.</p>`
    : html`<table class="certificates">
<caption>Certificates of ${instance.name}, the most urgent first; times are UTC</caption>
<thead><tr><th scope="col">Certificate</th><th scope="col">State</th><th scope="col">Ends</th><th scope="col">Renewal</th><th scope="col" class="wide"><span class="hidden">Time line</span>${axis(scale, now)}</th></tr></thead>
<tbody>
${rows.map((one) => row(one, scale, now))}
</tbody>
</table>`
}
</section>`;
}

function row(one: CertificateSnapshot, scale: Scale, now: Date): Html {
  const { tone, word } = standingOf(one, now);
  const last = one.lastRenewal;
  return html`<tr class="${tone}">
<th scope="row"><span class="name">${one.nickname}</span><span class="quiet">${one.profile} &#183; ${one.where}</span></th>
<td class="state"><span class="badge ${tone}">${icon(tone)}${word}</span><span class="quiet">${one.state}</span></td>
<td class="ends"><span class="label" aria-hidden="true">Ends</span>${one.notAfter === undefined ? 'not known' : html`${day(one.notAfter)}<span class="quiet">${distance(now, one.notAfter)}</span>`}</td>
<td class="renewal"><span class="label" aria-hidden="true">Renewal</span>${one.renewal === undefined ? html`<span class="none">none planned</span>` : html`${day(one.renewal.planned)}<span class="quiet">${one.renewal.planned < now ? 'due ' : ''}${distance(now, one.renewal.planned)}</span>`}${last === undefined ? undefined : html`<span class="quiet">last took ${seconds(last.seconds)}, ${distance(now, last.at)}</span>`}</td>
<td class="wide">${timeLine(one, scale, now, tone)}</td>
</tr>`;
}

function tokenFacts(token: TokenSnapshot, now: Date): Html {
  const [there, word]: readonly [Tone, string] =
    token.lookedAt === undefined ? ['unclear', 'not looked at yet'] : token.reachable ? ['good', 'there'] : ['bad', 'away'];
  return html`${fact('Token', html`<span class="name">${token.label}</span> <span class="badge ${there}">${icon(there)}${word}</span>`)}
${fact('PIN', pinBadge(token))}
${fact('Signs in', token.signLatencyMs === undefined ? 'not known' : `${token.signLatencyMs < 10 ? token.signLatencyMs.toFixed(1) : token.signLatencyMs.toFixed(0)} ms`)}
${fact('Proving signatures', String(token.signatures))}
${fact('Looked at', token.lookedAt === undefined ? 'never' : distance(now, token.lookedAt))}`;
}

function pinBadge({ pin, login }: TokenSnapshot): Html {
  const badge = (tone: Tone, words: string) => html`<span class="badge ${tone}">${icon(tone)}${words}</span>`;
  switch (pin) {
    case 'locked':
      return badge('bad', 'locked');
    case 'final-try':
      return badge('bad', 'one try left');
    case 'count-low':
      return html`${badge('warn', 'few tries left')} ${loginBadge(login, badge)}`;
    case 'fine':
    case 'unknown':
      return loginBadge(login, badge);
  }
}

function loginBadge(login: TokenSnapshot['login'], badge: (tone: Tone, words: string) => Html): Html {
  switch (login) {
    case 'proven':
      return badge('good', 'works');
    case 'refused':
      return badge('bad', 'refused');
    case 'no PIN':
      return badge('warn', 'not there');
    case 'unanswered':
      return badge('warn', 'no answer');
    case 'unknown':
      return badge('unclear', 'not tried');
  }
}

function fact(term: string, description: Fragment): Html {
  return html`<div><dt>${term}</dt><dd>${description}</dd></div>`;
}

function urgency(one: CertificateSnapshot, now: Date): number {
  return tones.indexOf(standingOf(one, now).tone);
}

function moment({ renewal, notAfter }: CertificateSnapshot): number {
  return (renewal?.planned ?? notAfter)?.getTime() ?? Infinity;
}

function seconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} s`;
}
