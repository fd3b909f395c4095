import type { Fact } from '../../../doctor/facts.js';
import type { NssSight } from '../../../doctor/facts/nss.js';
import { accountOf } from '../../../platform/service-user.js';
import { askService } from '../../../service/ask.js';
import { asked, type Gathering } from './gathering.js';

/** The NSS database as the service user finds it. */
export function gatherNss({ place, login }: Gathering): Promise<Fact<NssSight>> {
  return asked(async () => {
    const { uid, gid } = accountOf(place.instance.user);
    return { ...(await askService(place, 'look at NSS database', { login })), owner: { uid, gid } };
  });
}
