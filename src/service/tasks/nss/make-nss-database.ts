import { createDatabase } from '../../../nss/create.js';
import { run } from '../../../platform/run.js';
import type { ServiceContext } from '../../context.js';

/** Makes the instance's NSS database unless it is there; says whether it did. No module is registered in it yet. */
export function makeNssDatabase({ instance }: ServiceContext): Promise<boolean> {
  return createDatabase({ database: instance.nss.database, environment: {}, run });
}
