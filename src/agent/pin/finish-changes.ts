import { HsmongerError } from '../../errors.js';
import { pinPathOf } from '../../config/token-of.js';
import { changingPins, pinChanges } from '../../service/pin/change-journal.js';
import { finishPinChange } from '../../service/pin/change.js';
import { requestsWithPin, wakeRequests } from '../../tracking/waiting-for-pin.js';
import type { InstanceContext } from '../instances/instance-context.js';

const ends = {
  changed: 'the token has the new PIN, and so have its files.',
  undone: 'the token has the old PIN, and so have its files.',
  lost: "neither PIN is left in memory; run 'hsmonger unlock'.",
  'written anew': 'neither PIN was left in memory, and the PIN that was put there since stays.',
} as const;

/** Finishes a change of this instance's PIN whose command was killed, and has certmonger go on; nothing while a command is at it. */
export async function finishChanges(context: Pick<InstanceContext, 'instance' | 'directories' | 'certmonger' | 'log'>): Promise<void> {
  const { instance, directories } = context;
  const ours = () => pinChanges(directories).find((change) => change.instance === instance.name && change.on === instance.partOn);
  if (ours() === undefined) return;
  try {
    await changingPins(directories, async () => {
      const change = ours();
      if (change === undefined) return;
      context.log(
        'info',
        `An interrupted change of the PIN was finished: ${ends[await finishPinChange({ instance, directories }, change)]}`,
      );
      const files = new Set([...change.files, pinPathOf(instance.token?.pin) ?? '']);
      await context.certmonger.use(async (certmonger) => wakeRequests(certmonger, requestsWithPin(await certmonger.listRequests(), files)));
    });
  } catch (error) {
    if (!(error instanceof HsmongerError && error.code === 'STATE_BUSY')) throw error;
  }
}
