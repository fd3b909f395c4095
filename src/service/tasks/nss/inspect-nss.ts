import { moduleEnvironment } from '../../../config/token-of.js';
import { databaseFacts } from '../../../nss/database.js';
import { unwritableIn } from '../../../nss/writable.js';
import { internalTokenName, listModules, moduleFor } from '../../../nss/modules.js';
import { run } from '../../../platform/run.js';
import type { ServiceContext } from '../../context.js';

/** The NSS database as the service user finds it. */
export interface NssInspection {
  readonly format: 'sql' | 'dbm' | 'none';
  /** Names of what this user cannot read and write; '.' is the directory. */
  readonly unwritable: string[];
  /** Whether the instance's module is in the database's list; true where it has none. */
  readonly registered: boolean;
  /** Labels of the tokens NSS sees in it. */
  readonly tokens: readonly string[];
  /** What NSS calls its internal database now; '' where there is no sql database. */
  readonly internalName: string;
}

/** Looks at the instance's NSS database without opening anything for writing. */
export async function inspectNss(context: ServiceContext): Promise<NssInspection> {
  const { format, unwritable } = inspectNssFiles(context);
  if (format !== 'sql') return { format, unwritable, registered: false, tokens: [], internalName: '' };
  return { format, unwritable, ...(await inspectNssModules(context)) };
}

/** Its files alone: nothing of NSS is asked. */
export function inspectNssFiles({
  instance: {
    nss: { database },
  },
}: Pick<ServiceContext, 'instance'>): Pick<NssInspection, 'format' | 'unwritable'> {
  const { format } = databaseFacts(database);
  if (format !== 'sql') return { format, unwritable: [] };
  return { format, unwritable: unwritableIn(database) };
}

/** What NSS says of its modules. */
export async function inspectNssModules({
  instance,
}: Pick<ServiceContext, 'instance'>): Promise<Pick<NssInspection, 'registered' | 'tokens' | 'internalName'>> {
  const { database } = instance.nss;
  const modules = await listModules({ database, environment: moduleEnvironment(instance), run });
  const module = instance.token === undefined ? undefined : moduleFor(modules, instance.token.module);
  return {
    registered: instance.token === undefined || module !== undefined,
    tokens: module?.tokens ?? [],
    internalName: internalTokenName(modules),
  };
}
