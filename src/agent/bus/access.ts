import type { Caller } from '../../../dbus/served/caller.js';
import { HsmongerError } from '../../errors.js';
import { run } from '../../platform/run.js';

/** The configured group as it is now: an id, or that this machine does not have it. */
export type Group = { readonly name: string; readonly gid: number | undefined } | undefined;

/**
 * Whether a caller may: root everything, members of the group what only reads, nobody else anything. By what the bus knows of the calling
 * process, not by what the caller says of itself. NOT_PERMITTED otherwise.
 */
export function authorise({ uid, groups }: Caller, member: string, group: Group, reading: ReadonlySet<string>): void {
  if (uid === 0) return;
  const inGroup = group?.gid !== undefined && groups?.includes(group.gid) === true;
  if (inGroup && reading.has(member)) return;
  if (inGroup)
    throw new HsmongerError(
      'NOT_PERMITTED',
      `${member} changes something or uses the token, so it is for root alone; the group '${group.name}' may read.`,
    );
  throw new HsmongerError(
    'NOT_PERMITTED',
    `The user with id ${String(uid)} may not ask the agent; only root may${group === undefined ? '' : `, and members of the group '${group.name}' for reading`}.`,
  );
}

/** Long enough that a flood of calls is no flood of processes. */
const rememberedMs = 5000;

/** Looks groups up, each once in a while however many ask. */
export function createGroupLookUp(look: typeof lookUpGroup = lookUpGroup, now: () => number = () => performance.now()): typeof lookUpGroup {
  let last: { readonly name: string | undefined; readonly atMs: number; readonly found: Promise<Group> } | undefined;
  return (name) => {
    if (last === undefined || last.name !== name || now() - last.atMs >= rememberedMs) last = { name, atMs: now(), found: look(name) };
    return last.found;
  };
}

/** Looks the group up, by the machine's name service; undefined id where there is none of the name. */
async function lookUpGroup(name: string | undefined): Promise<Group> {
  if (name === undefined) return undefined;
  const { stdout, exitCode } = await run('getent', ['group', '--', name], { okExitCodes: [0, 2], timeoutMs: 10_000 });
  const gid = exitCode === 0 ? Number(stdout.split(':')[2]) : Number.NaN;
  return { name, gid: Number.isSafeInteger(gid) ? gid : undefined };
}
