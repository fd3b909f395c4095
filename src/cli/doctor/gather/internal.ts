import type { Fact } from '../../../doctor/facts.js';
import type { InternalSight } from '../../../doctor/facts/nss.js';
import { HsmongerError } from '../../../errors.js';
import { askService } from '../../../service/ask.js';
import { secretFileFacts } from './file-facts.js';
import { asked, type Gathering } from './gathering.js';

/** What lies in the NSS database itself. Its keys are looked at, and its password tried for that, only where a login was asked for. */
export function gatherInternal({ place, login }: Gathering): Promise<Fact<InternalSight | 'none'>> {
  return asked(async () => {
    const { passwordFile } = place.instance.nss;
    const facts = passwordFile === undefined ? undefined : secretFileFacts(passwordFile);
    try {
      return {
        ...(await askService(place, 'inspect internal store', { keys: login })),
        asked: login,
        ...(facts === undefined ? {} : { passwordFile: facts }),
      };
    } catch (error) {
      // The check of the database itself says so.
      if (error instanceof HsmongerError && (error.code === 'NSS_NOT_FOUND' || error.code === 'NSS_UNSUPPORTED')) return 'none';
      throw error;
    }
  });
}
