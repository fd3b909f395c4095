import { engage, type Hand } from '../../pkcs11/signing/pool-crew.js';
import type { KeySelector, Token } from '../../pkcs11/token.js';

/** How further sessions on a token are opened, and how many there may be of all. */
export interface MoreSessions {
  readonly open: () => Promise<Token>;
  readonly most: number;
}

/**
 * The sessions a responder signs through: one that others use as well, and further ones while more is asked than it can sign, without a
 * login of their own. They are not mended: where one is lost the failure is the caller's, who begins anew with all of them.
 */
export interface Lanes {
  /** In the order it is asked. */
  through<T>(work: (hand: Hand) => Promise<T>): Promise<T>;
  /** Goes on with the first session alone, and closes the others when their work has ended. */
  narrow(): Promise<void>;
}

export function createLanes(first: Hand, selector: KeySelector, { open, most }: MoreSessions): Lanes {
  const idle = [first];
  const further = new Set<Hand>();
  const waiting: ((hand: Hand) => void)[] = [];
  let limit = most;
  let growth: Promise<void> | undefined;
  let narrowed = false;

  const giveBack = (hand: Hand) => {
    if (narrowed && hand !== first) return;
    const next = waiting.shift();
    if (next === undefined) idle.push(hand);
    else next(hand);
  };

  const grow = () => {
    if (growth !== undefined || narrowed || waiting.length === 0 || 1 + further.size >= limit) return;
    growth = engage(open, selector)
      .then(
        (hand) => {
          further.add(hand);
          giveBack(hand);
        },
        () => {
          // The token allows no more (CKR_SESSION_COUNT): they are done without.
          limit = 1 + further.size;
        },
      )
      .finally(() => {
        growth = undefined;
        grow();
      });
  };

  const take = (): Promise<Hand> => {
    const hand = idle.shift();
    if (hand !== undefined) return Promise.resolve(hand);
    return new Promise((resolve) => {
      waiting.push(resolve);
      grow();
    });
  };

  return {
    through: async (work) => {
      const hand = await take();
      try {
        return await work(hand);
      } finally {
        giveBack(hand);
      }
    },
    narrow: async () => {
      narrowed = true;
      idle.splice(0, idle.length, ...idle.filter((hand) => hand === first));
      await growth;
      await Promise.allSettled([...further].map(({ token }) => token.close()));
    },
  };
}
