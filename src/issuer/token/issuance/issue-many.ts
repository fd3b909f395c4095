import type { SignatureAlgorithm } from '../../../config/signature-algorithm.js';
import { HsmongerError, type ErrorCode } from '../../../errors.js';
import type { Database } from '../../../ledger/database.js';
import { findIssued } from '../../../ledger/issued.js';
import type { Clock } from '../../../platform/clock.js';
import { nameText } from '../../../x509/names/name.js';
import type { CertificateRequest } from '../../../x509/parse-csr.js';
import { newSerial } from '../../../x509/serial.js';
import { fittingAlgorithm } from '../../../x509/signature-algorithm.js';
import { assertNotWithdrawn } from '../revocation/withdrawn.js';
import { signedBy } from '../sign.js';
import { commitAll, refusal, type Signed } from './commit.js';
import { judgeFor, type Judge } from './judge.js';
import { orderedRequest, type IssueOrder } from './order.js';
import { planOrdered, provenRequest, type IssuingCa } from './prepared.js';

/** A request, and what its sender calls it. */
export interface NamedRequest {
  readonly name: string;
  /** DER PKCS#10. */
  readonly csr: Uint8Array;
  /** What makes it the same request as before, where that is not every octet of it (see orderedRequest()). */
  readonly request?: string;
}

/** What became of one request. */
export type IssueResult = Given | Refused;

export interface Given {
  readonly name: string;
  readonly certificate: Uint8Array;
  /** It had been issued before, for the same request and the same order. */
  readonly before: boolean;
}

export interface Refused {
  readonly name: string;
  readonly problem: { readonly code: ErrorCode; readonly message: string };
}

export interface IssueParts {
  readonly ca: IssuingCa;
  readonly order: IssueOrder;
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
  /** Aborted: no further request is begun. */
  readonly signal: AbortSignal;
}

/** Certificates in one transaction: each commit costs the disk's time, and what a crash leaves uncommitted is signed once more. */
const batchSize = 500;
const batchMs = 1000;
/** Requests in preparation for each signature under way, so that the token never waits for us. */
const ahead = 3;

/**
 * Issues a certificate for each request, in the order of the requests. One that cannot be issued fails alone; when the token fails, the rest is not begun. Nothing is in the result that is not committed
 * to the ledger. The ledger is locked for the moment of a commit, not while the token works: where another process was quicker with the same request, its certificate is the answer.
 */
export async function issueMany(parts: IssueParts, requests: readonly NamedRequest[]): Promise<IssueResult[]> {
  const { ca, signal } = parts;
  const now = parts.clock();
  const judge = judgeFor(ca.authority, now);
  const algorithm = fittingAlgorithm(ca.authority.certificate.spki, ca.config, "The CA's key");
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
  const batch = createBatch(parts, judge, (given) => {
    for (const [index, result] of given) settle(index, result);
    tell();
  });
  let next = 0;
  let failure: unknown;

  const lane = async (): Promise<void> => {
    for (let index = next++; index < requests.length && failure === undefined && !signal.aborted; index = next++) {
      const request = requests[index];
      if (request === undefined) return;
      try {
        const made = await make(request);
        if ('plan' in made) await batch.add({ ...made, index });
        else settle(index, made);
        if (fresh.length >= batchSize) tell();
      } catch (error) {
        failure ??= error;
      }
    }
  };

  const make = async ({ name, csr: der, request: given }: NamedRequest): Promise<IssueResult | Omit<Signed, 'index'>> => {
    let csr: CertificateRequest;
    let plan;
    let request: string;
    try {
      csr = await provenRequest(der);
      assertNotWithdrawn(parts.ledger, { spki: csr.spki });
      request = given ?? orderedRequest(csr, parts.order, ca.authority.certificate.spki);
      const row = findIssued(parts.ledger, request);
      if (row !== undefined && row.revokedAt === undefined && judge(row.certificate, csr.spki) === undefined) return { name, certificate: row.certificate, before: true };
      plan = planOrdered(now, ca, csr, parts.order);
    } catch (error) {
      return refusal(name, error);
    }
    const serial = newSerial();
    const certificate = await signedBy(algorithm, plan, serial, (data) => parts.sign(algorithm, data));
    const fault = await judge.aside(certificate, csr.spki);
    if (fault !== undefined) throw new HsmongerError('ISSUED_WRONG', `The certificate just signed for ${nameText(plan.subject)} is not handed out: ${fault}.`);
    return { name, certificate, request, plan, serial };
  };

  await Promise.all(Array.from({ length: Math.max(1, parts.sessions) * ahead }, lane));
  try {
    await batch.flush();
  } catch (error) {
    failure ??= error;
  }
  const why = failure === undefined ? new HsmongerError('INTERRUPTED', 'Interrupted before this request was begun; run the same command again and it goes on.') : failure;
  return requests.map(({ name }, index) => results.get(index) ?? refusal(name, why));
}

/** Collects signed certificates and commits them when they are many, or old enough. */
function createBatch(parts: IssueParts, judge: Judge, given: (results: readonly (readonly [number, IssueResult])[]) => void): { readonly add: (signed: Signed) => Promise<void>; readonly flush: () => Promise<void> } {
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
