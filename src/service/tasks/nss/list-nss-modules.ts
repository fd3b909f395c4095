import { moduleEnvironment } from '../../../config/token-of.js';
import { listModules, type NssModule } from '../../../nss/modules.js';
import { run } from '../../../platform/run.js';
import type { ServiceContext } from '../../context.js';

/** The PKCS#11 modules registered in the instance's NSS database, with the tokens NSS sees in each. */
export function listNssModules({ instance }: ServiceContext): Promise<NssModule[]> {
  return listModules({ database: instance.nss.database, environment: moduleEnvironment(instance), run });
}
