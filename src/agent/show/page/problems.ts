import type { Severity } from '../../../diagnosis/diagnosis.js';
import { cureWord, problemsOf } from '../../report/problems.js';
import type { AgentSnapshot } from '../../report/snapshot.js';
import { html, type Html } from './html.js';
import { icon } from './icons.js';
import type { Tone } from './standing.js';

const named = 4;

/** What is wrong and what to do, worst first, what waits for a person before what heals by itself. */
export function problems(snapshot: AgentSnapshot): Html | undefined {
  const found = problemsOf(snapshot.instances);
  const { trouble } = snapshot.certmonger;
  const refusals = snapshot.instances.flatMap(({ name, reconciled }) =>
    (reconciled?.refusals ?? []).map((sentence) => ({ name, sentence })),
  );
  if (found.length === 0 && trouble === undefined && refusals.length === 0) return undefined;
  return html`<section aria-labelledby="problems">
<h2 id="problems">What is wrong, and what to do</h2>
<ul class="problems">
${trouble === undefined ? undefined : item('bad', 'Critical', 'certmonger', html`<p>${trouble}</p>`)}
${found.map(({ instance, diagnosis, nicknames }) =>
  item(
    diagnosis.severity === 'warning' ? 'warn' : 'bad',
    word(diagnosis.severity),
    instance,
    html`<p>${diagnosis.sentence}</p>
<p class="cure"><strong>${cureWord(diagnosis.cure)}</strong> ${diagnosis.cure.advice}</p>
${concerned(nicknames)}`,
  ),
)}
${refusals.map(({ name, sentence }) => item('warn', 'Left to you', name, html`<p>${sentence}</p>`))}
</ul>
</section>`;
}

function item(tone: Tone, severity: string, instance: string, body: Html): Html {
  return html`<li class="problem ${tone}">${icon(tone)}<div><h3>${severity} <span class="quiet">${instance}</span></h3>${body}</div></li>`;
}

function concerned(nicknames: readonly string[]): Html | undefined {
  if (nicknames.length === 0) return undefined;
  const list = (names: readonly string[]) => names.map((name, index) => html`${index === 0 ? '' : ', '}<span class="name">${name}</span>`);
  if (nicknames.length <= named + 1) return html`<p class="concerned">${list(nicknames)}</p>`;
  return html`<details class="concerned"><summary>${list(nicknames.slice(0, named))} and ${nicknames.length - named} more</summary><p>${list(nicknames.slice(named))}</p></details>`;
}

function word(severity: Severity): string {
  switch (severity) {
    case 'critical':
      return 'Critical';
    case 'error':
      return 'Error';
    case 'warning':
      return 'Warning';
  }
}
