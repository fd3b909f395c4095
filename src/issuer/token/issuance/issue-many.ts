import type { SignatureAlgorithm } from '../../../config/signature-algorithm.js';
import { HsmongerError } from '../../../errors.js';
import type { Database } from '../../../ledger/database.js';
import type { Clock } from '../../../platform/clock.js';
import { createGate } from '../../../platform/gate.js';
import { nameText } from '../../../x509/names/name.js';
import { algorithmIdentifier } from '../../../x509/signature-algorithm.js';
import { assembleCertificate } from '../../../x509/tbs.js';
import { assertKeyNotWithdrawn } from '../revocation/withdrawn.js';
import { clerkAt, type Clerk, type Clerks, type Desk } from './clerk.js';
import { commitAll, standing, type Signed } from './commit.js';
import { givenFor, refusal, type IssueResult, type NamedRequest } from './results.js';

export interface IssueParts {
  readonly desk: Desk;
  /** Of that desk. */
  readonly clerks: Clerks;
  readonly ledger: Database;
  readonly clock: Clock;
  /** Written beside every certificate. */
  readonly uid: number;
  /** With the CA's key. */
  readonly sign: (algorithm: SignatureAlgorithm, data: Uint8Array) => Promise<Uint8Array>;
  /** How many signatures are made at once. */
  readonly sessions: number;
  /** How long to wait for other processes that write to the ledger, milliseconds. */
  readonly busyMs: number;
  /** `results` are those since the last call; what is among them stays, whatever happens to the rest. */
  readonly progress: (done: number, total: number, results: readonly IssueResult[]) => void;
  /** Aborted: no further signature is begun. */
  readonly signal: AbortSignal;
}

/** Certificates in one transaction: each commit costs the disk's time, and what a crash leaves uncommitted is signed once more. */
const batchSize = 500;
const batchMs = 1000;
/** Requests under way beside those that are signed: prepared ahead, so that the token never waits for us, or judged. */
const underWay = 64;
/** Asked of the token for each session, so that the next signature begins when one ends; an interruption waits for these. */
const asked = 2;

/**
 * Issues a certificate for each request, in the order of the requests. One that cannot be issued fails alone; when the token fails, the
 * rest is not begun. Nothing is in the result that is not committed to the ledger. The ledger is locked for the moment of a commit, not
 * while the token works: where another process was quicker with the same request, its certificate is the answer.
 */
export async function issueMany(parts: IssueParts, requests: readonly NamedRequest[]): Promise<IssueResult[]> {
  const { desk, clerks, ledger, signal } = parts;
  const { algorithm } = desk;
  const signatureAlgorithm = algorithmIdentifier(algorithm);
  const sessions = Math.max(1, parts.sessions);
  const gate = createGate(sessions * asked);
  const results = new Map<number, IssueResult>();
  let fresh: IssueResult[] = [];
  const settle = (index: number, result: IssueResult) => {
    results.set(index, result);
    fresh.push(result);
  };
  const tell = () => {
    const told = fresh;
    fresh = [];
    parts.progress(results.size, requests.length, told);
  };
  const batch = createBatch(parts, clerkAt(desk).judge, (given) => {
    for (const [index, result] of given) settle(index, result);
    tell();
  });
  let next = 0;
  let failure: unknown;
  const over = () => failure !== undefined || signal.aborted;

  const lane = async (): Promise<void> => {
    for (let index = next++; index < requests.length && !over(); index = next++) {
      const request = requests[index];
      if (request === undefined) return;
      try {
        const made = await make(request);
        if (made === undefined) return;
        if ('row' in made) await batch.add({ ...made, index });
        else settle(index, made);
        if (fresh.length >= batchSize) tell();
      } catch (error) {
        failure ??= error;
      }
    }
  };

  /** Undefined where it was over before the token was asked. */
  const make = async (named: NamedRequest): Promise<IssueResult | Omit<Signed, 'index'> | undefined> => {
    const prepared = await clerks.prepare(named);
    if ('problem' in prepared) return prepared;
    const { name, spki, keys, tbs, row } = prepared;
    try {
      assertKeyNotWithdrawn(ledger, keys);
    } catch (error) {
      return refusal(name, error);
    }
    const earlier = standing(ledger, row.request);
    if (earlier !== undefined && (await clerks.judge(earlier.certificate, spki)) === undefined)
      return givenFor(name, earlier.certificate, true, prepared.withheld);
    const signature = await gate(async () => (over() ? undefined : parts.sign(algorithm, tbs)));
    if (signature === undefined) return undefined;
    if (!(await clerks.isSigned(tbs, signature)))
      throw new HsmongerError(
        'ISSUED_WRONG',
        `The certificate just signed for ${row.subject || 'a request without a subject'} is not handed out: its signature is not by the key of ${nameText(desk.ca.authority.certificate.subject)}.`,
      );
    return { ...prepared, certificate: assembleCertificate(tbs, signatureAlgorithm, signature) };
  };

  await Promise.all(Array.from({ length: underWay + sessions * asked }, lane));
  try {
    await batch.flush();
  } catch (error) {
    failure ??= error;
  }
  const why =
    failure === undefined
      ? new HsmongerError('INTERRUPTED', 'Interrupted before this request was begun; run the same command again and it goes on.')
      : failure;
  return requests.map(({ name }, index) => results.get(index) ?? refusal(name, why));
}

/** Collects signed certificates and commits them when they are many, or old enough. */
function createBatch(
  parts: IssueParts,
  judge: Clerk['judge'],
  given: (results: readonly (readonly [number, IssueResult])[]) => void,
): { readonly add: (signed: Signed) => Promise<void>; readonly flush: () => Promise<void> } {
  let waiting: Signed[] = [];
  let since = 0;
  let committing: Promise<void> = Promise.resolve();
  const flush = (): Promise<void> => {
    const taken = waiting;
    waiting = [];
    committing = committing.then(async () => {
      if (taken.length === 0) return;
      given(await commitAll(parts, judge, taken));
    });
    return committing;
  };
  return {
    add: async (signed) => {
      if (waiting.length === 0) since = performance.now();
      waiting.push(signed);
      if (waiting.length >= batchSize || performance.now() - since >= batchMs) await flush();
    },
    flush,
  };
}
