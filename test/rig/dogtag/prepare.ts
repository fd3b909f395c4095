import { ensureServiceUser } from '../service-user.js';
import { cachedRig } from './cache.js';

/** Before the first test of the Dogtag suite: a rig is there to be copied, so that no test's time limit counts its building. */
export default async function prepare(): Promise<void> {
  await cachedRig({}, ensureServiceUser());
}
