import { stateDirectory } from '../config/directories.js';
import type { Instance } from '../config/instance.js';
import { HsmongerError, type ErrorCode } from '../errors.js';
import type { WorkOrder } from './order.js';
import { taskFacts, type Opened } from './task-facts.js';

/** Whom a task may have waited for in vain. */
interface Suspect {
  readonly code: ErrorCode;
  /** What it is doing then, a clause. */
  readonly does: string;
  readonly check: string;
}

type Unanswered = Pick<WorkOrder, 'task' | 'instance' | 'directories'>;

/** A process of a task gave no answer; `how` it ended, a predicate. Whose silence it was nobody can say where it worked with several. */
export function unanswered(order: Unanswered, how: string, cause?: unknown): HsmongerError {
  const all = suspectsOf(order);
  const what = `The process working as user '${order.instance.user}' ${how} during '${order.task}', as it does when`;
  const [first, ...others] = all;
  const cure = others.length === 0 ? first.check : others.length === 1 ? 'both' : 'each of them';
  return new HsmongerError(first.code, `${what} ${all.map(({ does }) => does).join(', or ')}; check ${cure}.`, { cause });
}

/** Local files hardly ever hang: they are named where the task works with nothing else. */
function suspectsOf({ task, instance, directories }: Unanswered): readonly [Suspect, ...Suspect[]] {
  const { opens, privileged } = taskFacts[task];
  const directory = privileged?.(instance) === true ? directorySuspects(instance) : [];
  const outside = [
    ...opens.filter((one) => one === 'module' || one === 'authority').map((one) => suspect(one, instance, directories)),
    ...directory,
  ];
  const [first, ...others] = outside;
  if (first !== undefined) return [first, ...others];
  return [suspect(opens[0] ?? 'files', instance, directories)];
}

function directorySuspects({ directory }: Instance): Suspect[] {
  return directory === undefined
    ? []
    : [
        {
          code: 'DIRECTORY_UNAVAILABLE',
          does: `the directory ${directory.uri} takes a connection and does not answer`,
          check: 'that server',
        },
      ];
}

function suspect(opened: Opened, instance: Instance, directories: WorkOrder['directories']): Suspect {
  const { token, nss, issuer } = instance;
  switch (opened) {
    case 'module':
      return {
        code: 'TOKEN_FAILED',
        does: `the PKCS#11 module ${token?.module ?? 'of NSS itself, libsoftokn3.so,'} crashes or hangs`,
        check: 'that module',
      };
    case 'authority':
      return {
        code: 'CA_UNREACHABLE',
        does: `the server ${issuer.type === 'dogtag' ? issuer.url : ''} takes a connection and does not answer`,
        check: 'that server',
      };
    case 'NSS database':
      return { code: 'NSS_FAILED', does: `the file system of the NSS database ${nss.database} hangs`, check: 'that file system' };
    case 'state':
      return {
        code: 'STATE_UNAVAILABLE',
        does: `the file system of ${stateDirectory(directories, instance)} hangs`,
        check: 'that file system, and its disk',
      };
    case 'files':
      return { code: 'COMMAND_FAILED', does: 'a file system it reads hangs', check: 'the disks and mounts of this host' };
  }
}
