import type { Certmonger } from '../../../dbus/certmonger.js';
import { requestIds } from '../../config/request-id.js';
import { applyChanges, type Step } from '../../tracking/apply.js';
import { planTracking, type Change } from '../../tracking/plan.js';
import type { InstanceContext } from '../instances/instance-context.js';
import { safe } from './safe.js';
import { described, doneSentence, idOf, nicknameOf } from './sentences.js';

/** Makes the changes that were found safe, and remembers how often. */
export interface ChangeExecutor {
  execute(changes: readonly Change[]): Promise<Step[]>;
  /** Whether it made changes of this request so often that somebody must be changing them back. */
  often(change: Change): boolean;
}

/** The agent does not fight: what is changed back so often within an hour is somebody's will. */
const mostAnHour = 5;
const hourMs = 3_600_000;

export function createChangeExecutor({ instance, certmonger, requestCache, events, log, clock, signal }: InstanceContext): ChangeExecutor {
  const ids = new Set(requestIds(instance).values());
  const made: { readonly id: string; readonly atMs: number }[] = [];

  /** The survey took its time: somebody may have been quicker, or certmonger may have begun a renewal. */
  const stillDue = async (connected: Certmonger, change: Change): Promise<Change | undefined> => {
    if (change.kind !== 'add' && change.kind !== 'modify') return undefined;
    const request = await connected.request(change.kind === 'add' ? change.request.id : change.id).find();
    const [now] = planTracking({ instance, ids, desired: [change.request], existing: request === undefined ? [] : [request] });
    return now?.kind === change.kind && safe(now, { refusals: [], request, keyChange: undefined }).verdict === 'do' ? now : undefined;
  };

  const tell = ({ change, outcome, message }: Step) => {
    if (outcome !== 'done') {
      log('warning', message ?? described(change));
      return;
    }
    log('info', doneSentence(change));
    events.tell({
      kind: 'reconciled',
      at: clock(),
      instance: instance.name,
      ...nicknameOf(change),
      message: doneSentence(change),
      details: { change: change.kind, request: idOf(change) },
    });
  };

  return {
    async execute(changes) {
      const steps: Step[] = [];
      for (const planned of changes) {
        if (signal.aborted) break;
        const done = await certmonger.use(async (connected) => {
          const change = await stillDue(connected, planned);
          return change === undefined ? [] : applyChanges(connected, [change]);
        });
        for (const step of done) {
          made.push({ id: idOf(step.change), atMs: performance.now() });
          tell(step);
        }
        steps.push(...done);
      }
      while (made[0] !== undefined && performance.now() - made[0].atMs > hourMs) made.shift();
      if (steps.length > 0) await requestCache.refresh().catch(() => undefined);
      return steps;
    },
    often: (change) => made.filter(({ id, atMs }) => id === idOf(change) && performance.now() - atMs < hourMs).length >= mostAnHour,
  };
}
