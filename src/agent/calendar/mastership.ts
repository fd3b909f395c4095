import { askService } from '../../service/ask.js';
import type { InstanceContext } from '../instances/instance-context.js';

/** Whether this server is the renewal master, as the directory said last. */
export interface Mastership {
  /** Asks, unless it did so a moment ago; rejects while the directory does not answer. True where an instance has no servers beside it. */
  ask(): Promise<boolean>;
  /** undefined before the first answer, and where it makes no difference. */
  known(): boolean | undefined;
}

const freshMs = 300_000;

export function createMastership(
  { instance, directories }: Pick<InstanceContext, 'instance' | 'directories'>,
  look: () => Promise<boolean> = () => isMaster({ instance, directories }),
): Mastership {
  let answer: { readonly master: boolean; readonly atMs: number } | undefined;
  const matters = instance.directory !== undefined && (instance.issuer.type === 'token' || instance.issuer.type === 'dogtag');
  return {
    async ask() {
      if (!matters) return true;
      if (answer === undefined || performance.now() - answer.atMs > freshMs) answer = { master: await look(), atMs: performance.now() };
      return answer.master;
    },
    known: () => answer?.master,
  };
}

/** Nobody named is as good as another: two that renew make two certificates. */
export async function isMaster(place: Pick<InstanceContext, 'instance' | 'directories'>): Promise<boolean> {
  const { servers } = await askService(place, 'look at servers', { all: false });
  return servers.some(({ here, renewalMaster }) => here && renewalMaster);
}
