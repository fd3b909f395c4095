import type { KeySelector, Token, TokenKey } from '../token.js';

/** A session and the key as found through it: handles are good in their own session only. */
export interface Hand {
  readonly token: Token;
  readonly key: TokenKey;
}

/**
 * The sessions of a pool that live and die together: where one is lost the others seldom last, and a module is initialised afresh only when
 * all have left it.
 */
export interface Crew {
  readonly key: TokenKey;
  /** Whether it replaces one that was lost. */
  readonly engagedAfterLoss: boolean;
  /** Whether it has signed anything. */
  proven: boolean;
  lost: boolean;
  /** A session nobody uses. */
  take(): Hand | undefined;
  giveBack(hand: Hand): void;
  /**
   * Opens one session more; undefined where there are enough, or one is being opened. Never fails: a session that cannot be opened beside
   * others (CKR_SESSION_COUNT) is done without.
   */
  grow(): Promise<void> | undefined;
  dismiss(): Promise<void>;
}

export async function engageCrew(
  open: () => Promise<Token>,
  selector: KeySelector,
  most: number,
  { afterLoss = false } = {},
): Promise<Crew> {
  const first = await engage(open, selector);
  const all = [first];
  const idle = [first];
  let limit = most;
  let growing = false;
  return {
    key: first.key,
    engagedAfterLoss: afterLoss,
    proven: false,
    lost: false,
    take: () => idle.shift(),
    giveBack: (hand) => void idle.push(hand),
    grow: () => {
      if (growing || all.length >= limit) return undefined;
      growing = true;
      return engage(open, selector)
        .then(
          (hand) => {
            all.push(hand);
            idle.push(hand);
          },
          () => {
            limit = all.length;
          },
        )
        .finally(() => {
          growing = false;
        });
    },
    dismiss: async () => {
      await Promise.allSettled(all.map(({ token }) => token.close()));
    },
  };
}

/** Opens a session and finds the key through it. Logs in where this process is not logged in. */
export async function engage(open: () => Promise<Token>, selector: KeySelector): Promise<Hand> {
  const token = await open();
  try {
    return { token, key: await token.findKey(selector) };
  } catch (error) {
    await token.close();
    throw error;
  }
}
