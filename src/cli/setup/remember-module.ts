import type { InstanceSite } from '../../config/instance.js';
import { askService } from '../../service/ask.js';

/** Notes that the module of that name in the NSS database is there because of setup; unsetup takes it out. */
export async function rememberModule(place: InstanceSite, name: string): Promise<void> {
  const { addedModules } = await askService(place, 'read setup memory', undefined);
  await askService(place, 'write setup memory', { addedModules: [...new Set([...addedModules, name])] });
}
