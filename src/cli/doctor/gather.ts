import type { DoctorFacts } from '../../doctor/facts.js';
import type { Gathering } from './gather/gathering.js';
import { gatherInternal } from './gather/internal.js';
import { gatherNss } from './gather/nss.js';
import { gatherToken } from './gather/token.js';

/** Everything the checks look at, one part after another: tokens do not like company. Never fails: a part that cannot be asked says why. */
export async function gatherFacts(given: Gathering): Promise<DoctorFacts> {
  const { place, now } = given;
  return {
    instance: place.instance,
    now,
    token: await gatherToken(given),
    nss: await gatherNss(given),
    internal: await gatherInternal(given),
  };
}
