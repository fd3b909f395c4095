import type { Instance } from '../../config/instance.js';
import { requestIds } from '../../config/request-id.js';
import { leavingBusy } from '../../tracking/take-over.js';
import type { Change } from '../../tracking/plan.js';
import { sightings } from '../../tracking/sightings.js';
import type { Survey } from '../../tracking/survey.js';
import type { KeyChanges } from './key-changes.js';
import { safe } from './safe.js';

/** What is to become of a survey. */
export interface Judged {
  readonly todo: readonly Change[];
  /** Changes that wait until certmonger is done with the request. */
  readonly later: readonly string[];
  /** What a person has to look at, whole sentences. */
  readonly reports: readonly string[];
}

export function judgeSurvey(instance: Instance, { facts, changes, refusals }: Survey, keys: KeyChanges): Judged {
  const ids = requestIds(instance);
  const [{ requests }] = facts;
  const byId = new Map(requests.map((request) => [request.nickname, request]));
  const keyChanges = keys.look(
    facts
      .flatMap((look) => sightings(look.instance, look))
      .map(({ nickname, certificate }) => ({ nickname, stored: certificate?.spki, request: byId.get(ids.get(nickname) ?? '') })),
  );
  const judged = leavingBusy(changes, requests, instance.name).map((change) => ({
    change,
    judgement: safe(change, {
      refusals,
      request: change.kind === 'add' ? undefined : byId.get(change.id),
      keyChange: change.kind === 'remove' ? undefined : keyChanges.get(change.request.nickname),
    }),
  }));
  return {
    todo: judged.flatMap(({ change, judgement }) => (judgement.verdict === 'do' ? [change] : [])),
    later: judged.flatMap(({ judgement }) => (judgement.verdict === 'later' ? [judgement.why] : [])),
    reports: [
      ...new Set([
        ...refusals.map(({ problem, fix }) => `${problem} ${fix}`),
        ...keyChanges.values(),
        ...judged.flatMap(({ change, judgement }) =>
          judgement.verdict === 'report' && !refusalSaysSo(change, refusals) ? [judgement.why] : [],
        ),
      ]),
    ],
  };
}

/** Told once, with its cure. */
function refusalSaysSo(change: Change, refusals: Survey['refusals']): boolean {
  return (
    (change.kind === 'add' || change.kind === 'modify') &&
    refusals.some(({ nickname }) => nickname === undefined || nickname === change.request.nickname)
  );
}
