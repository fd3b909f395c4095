import type { SignatureAlgorithm } from '../../config/signature-algorithm.js';
import { HsmongerError } from '../../errors.js';
import { failedTwice, newSessionMayMend } from './lost-session.js';
import { engageCrew, type Crew } from './pool-crew.js';
import type { KeySelector, Token, TokenKey } from '../token.js';

/** One key and several sessions to sign with it at once. Every promise it gives settles, whatever becomes of the token. */
export interface SigningPool {
  /** As the first session found it. */
  readonly key: TokenKey;
  /**
   * Signs in the order it is asked. A signature whose session is lost under it is made once more, through a new one; the failure of that is
   * what the caller gets. SESSION_LOST after close().
   */
  sign(algorithm: SignatureAlgorithm, data: Uint8Array): Promise<Uint8Array>;
  /** Ends when all that was asked for has been answered; closes every session. */
  close(): Promise<void>;
}

interface Job {
  readonly algorithm: SignatureAlgorithm;
  readonly data: Uint8Array;
  readonly settle: { readonly resolve: (signature: Uint8Array) => void; readonly reject: (error: unknown) => void };
  /** 2 where a session was lost under it. */
  readonly attempt: 1 | 2;
}

/**
 * Opens one session, logs in and finds the key; up to `sessions` follow as work comes, without a login of their own: a login is the
 * process's (PKCS#11 2.40 §5.6). `open` gives a new session each time it is called. Fails as `open` and findKey() do.
 *
 * Each signature in progress blocks a thread of libuv's pool, which files and names of hosts need too. It has four threads unless
 * UV_THREADPOOL_SIZE said otherwise before the first use: sessions beyond them wait for a thread, not for the token (src/service/ask.ts
 * makes room).
 */
export async function openSigningPool(open: () => Promise<Token>, selector: KeySelector, sessions: number): Promise<SigningPool> {
  let crew: Crew | undefined = await engageCrew(open, selector, sessions);
  const { key } = crew;
  const waiting: Job[] = [];
  /** Lost their session: before all others. */
  const again: Job[] = [];
  /** Signatures and changes of the crew in progress; nothing is closed under them. */
  const busy = new Set<Promise<void>>();
  let renewing: Promise<void> | undefined;
  let closed = false;

  const track = (work: Promise<void>): void => {
    const tracked = work.finally(() => {
      busy.delete(tracked);
      dispatch();
    });
    busy.add(tracked);
  };

  function dispatch(): void {
    while (again.length + waiting.length > 0 && renewing === undefined) {
      if (crew === undefined || crew.lost) {
        renew();
        return;
      }
      const hand = crew.take();
      if (hand === undefined) {
        const growth = crew.grow();
        if (growth !== undefined) track(growth);
        return;
      }
      const job = again.shift() ?? waiting.shift();
      if (job !== undefined) track(perform(crew, hand, job));
    }
  }

  async function perform(by: Crew, hand: { readonly token: Token; readonly key: TokenKey }, job: Job): Promise<void> {
    try {
      const signature = await hand.token.sign(hand.key, job.algorithm, job.data);
      by.proven = true;
      // The token's next work before the work of who has waited for this: what they do with a signature may take as long as to make one.
      setImmediate(job.settle.resolve, signature);
    } catch (error) {
      if (!newSessionMayMend(error)) job.settle.reject(error);
      else {
        by.lost = true;
        if (job.attempt === 1) again.push({ ...job, attempt: 2 });
        else job.settle.reject(failedTwice(error));
        // New sessions that have signed nothing will not sign what waits either.
        if (by.engagedAfterLoss && !by.proven) giveUp(error);
      }
    } finally {
      by.giveBack(hand);
    }
  }

  /**
   * All sessions go before the first new one: the module is then finalised and initialised afresh, which some need before they see the
   * token again (SoftHSM). Not where other sessions of this process are open: theirs would be gone (PKCS#11 2.40 §5.4, C_Finalize), so
   * whoever opens a pool closes what is no longer wanted.
   */
  function renew(): void {
    const old = crew;
    renewing = (async () => {
      await Promise.allSettled(busy);
      await old?.dismiss();
      crew = undefined;
      if (again.length + waiting.length === 0) return;
      crew = await engageCrew(open, selectorOf(key, selector), sessions, { afterLoss: true });
    })()
      .catch(giveUp)
      .finally(() => {
        renewing = undefined;
        dispatch();
      });
  }

  function giveUp(error: unknown): void {
    const why = error instanceof HsmongerError ? error : new HsmongerError('TOKEN_FAILED', String(error), { cause: error });
    for (const { settle } of [...again.splice(0), ...waiting.splice(0)]) {
      settle.reject(
        new HsmongerError(
          why.code,
          `The sessions on the token were lost in the middle of the work, and a new one did not help: ${why.message}`,
          { cause: why },
        ),
      );
    }
  }

  return {
    key,
    sign: (algorithm, data) => {
      if (closed)
        return Promise.reject(
          new HsmongerError('SESSION_LOST', `Signing with the key '${key.label}' failed: its sessions have been closed.`),
        );
      return new Promise((resolve, reject) => {
        waiting.push({ algorithm, data, settle: { resolve, reject }, attempt: 1 });
        dispatch();
      });
    },
    close: async () => {
      closed = true;
      while (renewing !== undefined || busy.size > 0) await (renewing ?? Promise.allSettled(busy));
      await crew?.dismiss();
      crew = undefined;
      // Behind the signatures that are on their way.
      await new Promise(setImmediate);
    },
  };
}

/** The same key again: what a label or CKA_ID named before may name another on the token that comes back. */
function selectorOf({ id, spki }: TokenKey, selector: KeySelector): KeySelector {
  return spki === undefined ? selector : { by: 'public-key', spki, id };
}
