import { moduleEnvironment } from '../../../config/token-of.js';
import { tokensOf } from '../../../config/token-views.js';
import { listModules, moduleFor, registerModule } from '../../../nss/modules.js';
import { modutil, type NssContext } from '../../../nss/tools.js';
import { run } from '../../../platform/run.js';
import type { ServiceContext } from '../../context.js';

/** Registers one of the instance's PKCS#11 modules in its NSS database and gives the name it is known by. */
export function addNssModule(context: ServiceContext, { module }: { readonly module: string }): Promise<string> {
  return registerModule(nssOf(context), module);
}

/** Takes the registration of that name out again, if it is still that of a module of ours. Says whether it was there. */
export async function removeNssModule(context: ServiceContext, { name }: { readonly name: string }): Promise<boolean> {
  const nss = nssOf(context);
  const modules = await listModules(nss);
  if (!tokensOf(context.instance).some(({ module }) => moduleFor(modules, module)?.name === name)) return false;
  await modutil(nss, ['-delete', name]);
  return true;
}

function nssOf({ instance }: ServiceContext): NssContext {
  return { database: instance.nss.database, environment: moduleEnvironment(instance), run };
}
