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
import { orderOf } from '../../../tracking/renewal-order.js';
import { resubmitSameKey } from '../../../tracking/same-key.js';
import { withTracker } from '../../../tracking/survey.js';
import type { Gathering } from '../gather/gathering.js';
import { withCertmonger } from '../../with-certmonger.js';
import { changeFile } from './own-file.js';

/** Does one remedy, each in the process that may: token and NSS database in a dropped one, the bus and files as root. Fails with its own sentence. */
export async function applyRemedy({ place, bus, env }: Gathering, remedy: Remedy, tell: (sentence: string) => void): Promise<void> {
  const { instance } = place;
  switch (remedy.kind) {
    case 'reconcile':
      return withTracker(place, bus, env, async (tracker) => {
        // What the agent does alone, and no more: the rest is 'track apply', by somebody who has looked.
        const { todo, later, reports } = judgeSurvey(instance, await tracker.survey(), createKeyChanges());
        const failed = (await applyChanges(tracker.certmonger, todo)).flatMap(({ outcome, message }) => (outcome === 'done' ? [] : [message ?? outcome]));
        const left = [...failed, ...later, ...reports];
        if (left.length > 0) throw new HsmongerError('CERTMONGER_REFUSED', `Not everything is set right alone: ${left.join(' ')}`);
      });
    case 'resubmit':
      return withCertmonger(bus, env, async (certmonger) => {
        const config = instance.certificates.find(({ nickname }) => nickname === remedy.nickname);
        if (config === undefined) throw new HsmongerError('CONFIG_INVALID', `${instance.file} has no certificate '${remedy.nickname}', so its request is not ours to resubmit.`);
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
