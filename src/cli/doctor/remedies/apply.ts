import { judgeSurvey } from '../../../agent/reconcile/judge-survey.js';
import { createKeyChanges } from '../../../agent/reconcile/key-changes.js';
import type { Remedy } from '../../../doctor/finding.js';
import { HsmongerError } from '../../../errors.js';
import { run } from '../../../platform/run.js';
import { accountOf } from '../../../platform/service-user.js';
import { askService } from '../../../service/ask.js';
import { finishSavings } from '../../../service/finish-savings.js';
import { applyChanges } from '../../../tracking/apply.js';
import { provePinFor } from '../../../tracking/pin-first.js';
import { refused } from '../../../tracking/preflight.js';
import { orderOf } from '../../../tracking/renewal-order.js';
import { resubmitSameKey } from '../../../tracking/same-key.js';
import { withTracker } from '../../../tracking/survey.js';
import type { Gathering } from '../gather/gathering.js';
import { withCertmonger } from '../../with-certmonger.js';
import { changeFile } from './own-file.js';

/**
 * Does one remedy, each in the process that may: token and NSS database in a dropped one, the bus and files as root. Fails with its own
 * sentence.
 */
export async function applyRemedy({ place, bus, env }: Gathering, remedy: Remedy, tell: (sentence: string) => void): Promise<void> {
  const { instance } = place;
  switch (remedy.kind) {
    case 'reconcile':
      return withTracker(place, bus, env, async (tracker) => {
        const survey = await tracker.survey();
        // As 'track apply' has it: what pre-flight refuses may be why a change looks right.
        if (survey.refusals.length > 0) throw refused(instance.name, survey.refusals);
        // Unlike it, only what the agent would do alone: nobody has looked at each change.
        const { todo, later, reports } = judgeSurvey(instance, survey, createKeyChanges());
        for (const sentence of [...later, ...reports]) tell(sentence);
        if (todo.length === 0 && later.length + reports.length > 0)
          throw new HsmongerError(
            'CERTMONGER_REFUSED',
            "Nothing of it can be done without somebody looking at it first; see 'hsmonger track plan'.",
          );
        const failed = (await applyChanges(tracker.certmonger, todo)).find(({ outcome }) => outcome !== 'done');
        if (failed !== undefined)
          throw new HsmongerError('CERTMONGER_REFUSED', `Not every change was made: ${failed.message ?? failed.outcome}`);
      });
    case 'resubmit':
      return withCertmonger(bus, env, async (certmonger) => {
        const config = instance.certificates.find(({ nickname }) => nickname === remedy.nickname);
        if (config === undefined)
          throw new HsmongerError(
            'CONFIG_INVALID',
            `${instance.file} has no certificate '${remedy.nickname}', so its request is not ours to resubmit.`,
          );
        // Refuses what would make certmonger generate a key (design rule 1).
        const { keyType, keySize, request } = orderOf(instance, config, await certmonger.listRequests());
        await provePinFor(place, [request]);
        await resubmitSameKey(certmonger, request.nickname, { keyType, keySize });
      });
    case 'trust':
      return askService(place, 'set trust', { nickname: remedy.nickname });
    case 'mode':
      changeFile(remedy.file, accountOf(instance.user).uid, { mode: remedy.mode });
      return;
    case 'owner':
      changeFile(remedy.file, accountOf(instance.user).uid, { uid: remedy.uid, gid: remedy.gid });
      return;
    case 'finish savings':
      await finishSavings(place, tell);
      return;
    case 'restorecon':
      await run('restorecon', [remedy.file]);
      return;
  }
}
