import { HsmongerError, sentenceOf } from '../../errors.js';
import type { Change } from '../../tracking/plan.js';
import type { Survey } from '../../tracking/survey.js';
import type { InstanceSupervisor } from '../instances/instance-supervisor.js';
import type { SupervisedToken } from '../instances/supervised-token.js';
import type { AgentSnapshot } from '../report/snapshot.js';
import type { AgentApi, Row } from './agent-api.js';

export interface AgentApiGiven {
  readonly supervisors: () => readonly InstanceSupervisor[];
  readonly snapshot: () => AgentSnapshot;
  readonly reload: () => Promise<string>;
}

/** What the bus may ask, answered by the supervisors of the instances. */
export function createAgentApi({ supervisors, snapshot, reload }: AgentApiGiven): AgentApi {
  const named = (instance: string): InstanceSupervisor => {
    const found = supervisors().find((one) => one.instance.name === instance);
    if (found !== undefined) return found;
    const known = supervisors()
      .map((one) => `'${one.instance.name}'`)
      .join(', ');
    throw new HsmongerError('USAGE', `The agent looks after no instance '${instance}'; it looks after ${known === '' ? 'none' : known}.`);
  };
  const chosen = (instance: string): readonly InstanceSupervisor[] => (instance === '' ? supervisors() : [named(instance)]);

  return {
    snapshot,
    plan: async (instance) => planRows(await named(instance).reconciler.plan()),
    async reconcile(instance) {
      const steps: Row[] = [];
      const left: Row[] = [];
      for (const {
        instance: { name },
        reconciler,
      } of chosen(instance)) {
        try {
          const { changes, refusals } = await reconciler.reconcile();
          if (changes > 0) steps.push({ instance: name, changes: String(changes) });
          left.push(...refusals.map((problem) => ({ instance: name, problem })));
        } catch (error) {
          // Of several, one that cannot be looked at keeps none of the others.
          if (instance !== '') throw error;
          left.push({ instance: name, problem: sentenceOf(error) });
        }
      }
      return { steps, left };
    },
    renew: (instance, nickname) => named(instance).renewer.renew(nickname),
    async unlock(instance) {
      const troubles = await Promise.all(named(instance).tokens.map(pinTrouble));
      const [first] = troubles;
      // Of several tokens one may stay locked.
      if (first !== undefined && troubles.every((trouble) => trouble !== undefined)) throw first;
      return `The agent has seen the PIN of '${instance}'; requests that waited for it go on.`;
    },
    reload,
  };
}

async function pinTrouble({ context, pinKeeper }: SupervisedToken): Promise<HsmongerError | undefined> {
  const probe = await context.prober.look();
  const locked = pinKeeper.locked();
  if (locked !== undefined) return new HsmongerError('PIN_SOURCE_MISSING', locked);
  const login = probe.token?.state === 'present' ? probe.token.login : undefined;
  return login?.state === 'refused' || login?.state === 'no PIN' ? new HsmongerError('PIN_SOURCE_INVALID', login.problem) : undefined;
}

function planRows({ changes, refusals }: Survey): { readonly changes: readonly Row[]; readonly refusals: readonly Row[] } {
  return {
    changes: changes.map(changeRow),
    refusals: refusals.map(({ check, nickname = '', problem, fix }) => ({ check, nickname, problem, fix })),
  };
}

function changeRow(change: Change): Row {
  switch (change.kind) {
    case 'add':
      return { kind: change.kind, id: change.request.id, nickname: change.request.nickname, differences: '' };
    case 'remove':
      return { kind: change.kind, id: change.id, nickname: change.nickname ?? '', differences: '' };
    case 'modify':
    case 'replace':
      return {
        kind: change.kind,
        id: change.id,
        nickname: change.request.nickname,
        differences: change.differences.map(({ field, now, wanted }) => `${field}: ${now ?? '(none)'} -> ${wanted ?? '(none)'}`).join('; '),
      };
  }
}
