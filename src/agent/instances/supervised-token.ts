import { isDeepStrictEqual } from 'node:util';
import type { Instance } from '../../config/instance.js';
import type { Diagnosis } from '../../diagnosis/diagnosis.js';
import { tokenWith } from '../../config/token-views.js';
import type { InstanceContext, Part } from './instance-context.js';
import type { Healer } from '../heal/healer.js';
import { startPinKeeper, type PinKeeper } from '../pin/keeper.js';
import type { Prober } from '../probe/prober.js';

/** What looks after one of an instance's tokens, and the certificates on it. `context.instance` is its view (token-views.ts). */
export interface SupervisedToken {
  readonly context: InstanceContext;
  readonly pinKeeper: PinKeeper;
  readonly healer: Healer;
}

/** With the PIN looked after, and put in place where that is the agent's to do. */
export async function withPinKept(context: InstanceContext): Promise<Pick<SupervisedToken, 'context' | 'pinKeeper'>> {
  const pinKeeper = startPinKeeper(context);
  await pinKeeper.credentialPlaced();
  return { context, pinKeeper };
}

/** The instance's probers as one: its own token's, but for what is asked of a certificate that lies on another. */
export function combinedProber(
  instance: Instance,
  probers: readonly (readonly [on: string | undefined, prober: Prober & Part])[],
): Prober & Part {
  const [first] = probers;
  if (first === undefined) throw new Error('An instance has at least one view.');
  const [, own] = first;
  const of = (nickname: string | undefined): Prober => {
    const on = nickname === undefined ? undefined : tokenWith(instance, nickname);
    return probers.find(([name]) => name === on)?.[1] ?? own;
  };
  return {
    latest: (nickname) => of(nickname).latest(),
    onProbe(listener) {
      const ends = probers.map(([, prober]) => prober.onProbe(listener));
      return () => {
        for (const end of ends) end();
      };
    },
    // What is not of a token is seen by each of them alike.
    look: async () => (await Promise.all(probers.map(([, prober]) => prober.look())))[0] ?? own.look(),
    prove: (nickname) => of(nickname).prove(),
    signatures: (nickname) =>
      nickname === undefined ? probers.reduce((sum, [, prober]) => sum + prober.signatures(), 0) : of(nickname).signatures(),
    ended: Promise.all(probers.map(([, prober]) => prober.ended)).then(() => undefined),
  };
}

/** The healers of an instance's tokens as one. */
export function combinedHealer(healers: readonly Healer[]): Healer {
  return {
    diagnoses: () => new Map(healers.flatMap((healer) => [...healer.diagnoses()])),
    // What all tokens need is told by each; a token's own trouble names it.
    instance: () => distinct(healers.flatMap((healer) => healer.instance())),
    ended: Promise.all(healers.map(({ ended }) => ended)).then(() => undefined),
  };
}

function distinct(diagnoses: readonly Diagnosis[]): Diagnosis[] {
  return diagnoses.filter((one, index) => diagnoses.findIndex((other) => isDeepStrictEqual(other, one)) === index);
}
