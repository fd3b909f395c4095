import { seen } from './conditions.js';
import type { Cure, Diagnosis } from './diagnosis.js';
import type { RequestFacts, SiteFacts } from './facts.js';
import type { Row } from './row.js';
import { siteRows } from './site-rows.js';
import { requestRows } from './table.js';

/** What is wrong with one request: the first row that holds. undefined where nothing is, as far as is known. */
export function diagnose(facts: RequestFacts): Diagnosis | undefined {
  const row = rowOf(facts);
  return row === undefined ? undefined : diagnosisBy(row, facts);
}

/** The same for one line of a table: the sentence, and what a person does where the sentence does not say it itself. */
export function problemOf(facts: RequestFacts): string | undefined {
  const row = rowOf(facts);
  if (row === undefined) return undefined;
  const { sentence, cure } = diagnosisBy(row, facts);
  return row.quoted === true ? sentence : [sentence, cure.advice, ...byHand(cure)].join(' ');
}

/** Who reads this may have no agent running. */
function byHand({ by }: Cure): string[] {
  switch (by) {
    case 'resubmit':
    case 'refresh':
      return ["Where no agent runs: 'hsmonger renew'."];
    // certmonger reads key and certificate of every request when it starts.
    case 'restart':
      return ['Where no agent runs: systemctl restart certmonger.'];
    // Its advice names the command itself.
    case 'reconcile':
    case 'move PIN aside':
    case 'waiting':
    case 'a person':
      return [];
  }
}

/** What is wrong with what all of an instance's requests need; of PIN troubles one, the nearest to its cause. */
export function diagnoseSite(facts: SiteFacts): Diagnosis[] {
  const found = new Map<string, Diagnosis>();
  for (const row of siteRows) {
    const about = row.cause.startsWith('pin-') ? 'pin' : row.cause;
    if (!found.has(about) && holds(row, facts)) found.set(about, diagnosisBy(row, facts));
  }
  return [...found.values()];
}

function rowOf(facts: RequestFacts): Row<RequestFacts> | undefined {
  return rowsFor(seen(facts)?.status ?? '').find((row) => holds(row, facts));
}

/** By state: certmonger's are a closed list. */
const byState = new Map<string, readonly Row<RequestFacts>[]>();

function rowsFor(status: string): readonly Row<RequestFacts>[] {
  const known = byState.get(status);
  if (known !== undefined) return known;
  const rows = (requestRows as readonly Row<RequestFacts>[]).filter(({ states }) => states === undefined || states.includes(status));
  byState.set(status, rows);
  return rows;
}

function holds<F>({ when }: Row<F>, facts: F): boolean {
  return when.every((condition) => condition(facts));
}

function diagnosisBy<F>({ cause, severity, sentence, cure, advice }: Row<F>, facts: F): Diagnosis {
  return { cause, severity, sentence: sentence(facts), cure: cureOf(cure, typeof advice === 'string' ? advice : advice(facts)) };
}

function cureOf(by: Cure['by'], advice: string): Cure {
  return by === 'a person' ? { by, advice, alone: false } : { by, advice, alone: true };
}
