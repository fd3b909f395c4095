import type { Certmonger } from '../../../../dbus/certmonger.js';
import type { TakenOver } from '../../../tracking/taken-over.js';
import { planGiveBack, planReturnOfCas } from '../../../tracking/give-back.js';

/** What was given back, as sentences. */
export interface GivenBack {
  readonly done: readonly string[];
  readonly neededPinFiles: readonly string[];
}

/** Gives certmonger's requests back as they were; key and certificate of none are touched. Run again it goes on where it ended. */
export async function giveBackRequests(certmonger: Certmonger, memory: TakenOver): Promise<GivenBack> {
  const done: string[] = [];
  const { requests, notes, neededPinFiles } = planGiveBack(memory, await certmonger.listRequests());
  for (const { id, to, settings } of requests) {
    await certmonger.request(id).modify(settings);
    done.push(`gave request '${id}' back as '${to}'`);
  }
  return { done: [...done, ...notes], neededPinFiles };
}

/**
 * After every request of ours is given back or gone, so that no helper of others meets one: the CAs' helpers, and none of the CAs that were
 * not there.
 */
export async function giveBackCas(certmonger: Certmonger, memory: TakenOver): Promise<string[]> {
  const done: string[] = [];
  for (const { nickname, helper } of planReturnOfCas(memory, await certmonger.listCas())) {
    if (helper === undefined) await certmonger.ca(nickname).remove();
    else await certmonger.ca(nickname).setHelper(helper);
    done.push(
      helper === undefined ? `removed the CA '${nickname}' from certmonger` : `gave the CA '${nickname}' its helper back: ${helper}`,
    );
  }
  return done;
}
