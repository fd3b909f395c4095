import { Worker } from 'node:worker_threads';
import { HsmongerError, sentenceOf } from '../../errors.js';
import type { Clerk, Clerks, Desk } from '../../issuer/token/issuance/clerk.js';
import { clerkCode } from './clerk-code.js';

/** What a clerk is asked, as it goes to the thread. */
export type Work = { readonly [K in keyof Clerk]: { readonly kind: K; readonly given: Parameters<Clerk[K]> } }[keyof Clerk];

interface Ask {
  readonly work: Work;
  readonly resolve: (answer: never) => void;
  readonly reject: (error: HsmongerError) => void;
}

/** A message costs as much as the work in it, so what came while all were busy goes together. */
const together = 8;
/** One is worked on while the next is on its way. */
const onTheirWay = 2;

/** Nothing of one certificate outlives it: with room enough little is ever copied. */
const maxYoungGenerationSizeMb = 64;

export interface ClerkThreads {
  /** To be called once. Where a thread fails, what it was asked is rejected with INTERNAL and all that follows too. */
  at(desk: Desk): Clerks;
  /** When nothing is asked any more. */
  end(): Promise<void>;
}

/** Begins threads, each with a clerk that has no desk yet: they load their code while the token is opened. */
export function openClerkThreads(count: number): ClerkThreads {
  const queue: Ask[] = [];
  let broken: HsmongerError | undefined;
  const threads = Array.from({ length: count }, () => ({
    worker: new Worker(clerkCode(), { eval: true, env: {}, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb } }),
    asked: [] as Ask[][],
  }));

  const dispatch = () => {
    for (const { worker, asked } of [...threads].sort((a, b) => a.asked.length - b.asked.length)) {
      if (queue.length === 0) return;
      if (asked.length >= onTheirWay) continue;
      const batch = queue.splice(0, together);
      asked.push(batch);
      worker.postMessage(batch.map(({ work }) => work));
    }
  };
  const fail = (error: unknown) => {
    broken ??= new HsmongerError('INTERNAL', `A thread that prepares certificates has ended: ${sentenceOf(error)}.`, { cause: error });
    for (const { reject } of [...queue.splice(0), ...threads.flatMap(({ asked }) => asked.splice(0).flat())]) reject(broken);
  };
  for (const { worker, asked } of threads) {
    worker.on('message', (answers: readonly never[]) => {
      for (const [index, { resolve }] of (asked.shift() ?? []).entries()) resolve(answers[index] as never);
      dispatch();
    });
    worker.on('error', fail);
    worker.on('messageerror', fail);
    // Without an error where something in it ends it, or end() does: nobody is left without an answer.
    worker.on('exit', (code) => {
      fail(new Error(`exit ${String(code)}`));
    });
  }
  let gathering = false;
  const ask = (work: Work) =>
    new Promise<never>((resolve, reject) => {
      if (broken !== undefined) {
        reject(broken);
        return;
      }
      queue.push({ work, resolve, reject });
      if (gathering) return;
      gathering = true;
      setImmediate(() => {
        gathering = false;
        dispatch();
      });
    });
  return {
    at: (desk) => {
      for (const { worker } of threads) worker.postMessage(desk);
      return {
        prepare: (...given) => ask({ kind: 'prepare', given }),
        judge: (...given) => ask({ kind: 'judge', given }),
        isSigned: (...given) => ask({ kind: 'isSigned', given }),
      };
    },
    end: async () => {
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}
