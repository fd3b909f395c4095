import { moduleEnvironment, tokenOf } from '../../config/token-of.js';
import { listModules, moduleFor, registerModule } from '../../nss/modules.js';
import { modutil, type NssContext } from '../../nss/tools.js';
import { run } from '../../platform/run.js';
import type { ServiceContext } from '../context.js';

/** Registers the instance's PKCS#11 module in its NSS database and gives the name it is known by. */
export function addNssModule(context: ServiceContext): Promise<string> {
  return registerModule(nssOf(context), tokenOf(context.instance).module);
}

/** Takes the registration of that name out again, if it is still our module's. Says whether it was there. */
export async function removeNssModule(context: ServiceContext, { name }: { readonly name: string }): Promise<boolean> {
  const nss = nssOf(context);
  if (moduleFor(await listModules(nss), tokenOf(context.instance).module)?.name !== name) return false;
  await modutil(nss, ['-delete', name]);
  return true;
}

function nssOf({ instance }: ServiceContext): NssContext {
  return { database: instance.nss.database, environment: moduleEnvironment(instance), run };
}
