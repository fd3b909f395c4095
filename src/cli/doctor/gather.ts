import type { DoctorFacts } from '../../doctor/facts.js';
import type { Gathering } from './gather/gathering.js';

/** Everything the checks look at, one part after another: tokens do not like company. Never fails: a part that cannot be asked says why. */
export function gatherFacts(given: Gathering): Promise<DoctorFacts> {
  const { place, now } = given;
  return Promise.resolve({ instance: place.instance, now });
}
