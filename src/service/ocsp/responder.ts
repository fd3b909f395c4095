import { keyFingerprint, keyIdentifier } from '../../x509/public-key.js';
import { standingsOf, type Standing } from '../../issuer/token/revocation/statuses.js';
import { newSessionMayMend } from '../../pkcs11/signing/lost-session.js';
import type { Clock } from '../../platform/clock.js';
import { issuerMatcher } from '../../x509/ocsp/cert-id.js';
import { parseOcspRequest, type OcspRequest } from '../../x509/ocsp/request.js';
import { assembleResponse, buildResponseData, failureResponse, type OcspFailure, type ResponderId } from '../../x509/ocsp/response.js';
import { HsmongerError, reactions } from '../../errors.js';
import type { LiveLedger } from './live-ledger.js';
import type { OcspSigner, Signing } from './signer.js';

/** One OCSPResponse. */
export type OcspAnswer =
  | {
      readonly kind: 'answer';
      readonly der: Uint8Array;
      readonly thisUpdate: Date;
      readonly nextUpdate: Date;
      /** Made for this request alone: it has a nonce. */
      readonly forOne: boolean;
    }
  | { readonly kind: 'failure'; readonly der: Uint8Array; readonly failure: OcspFailure };

export interface ResponderParts {
  readonly signer: OcspSigner;
  readonly ledger: LiveLedger;
  readonly clock: Clock;
  /** From thisUpdate to nextUpdate. */
  readonly validMs: number;
  readonly identifiedBy: ResponderId['by'];
  /** Of what is answered with internalError, and of a ledger that cannot be read. */
  readonly log: (message: string) => void;
}

/** Answers kept for others who ask the same; each is about one certificate, so that none is larger than a few KiB. */
const maxKept = 4096;
/** Signatures that wait for the token; who comes after is told to come again. */
const maxWaiting = 256;

/** Answers DER OCSPRequests. Never fails. */
export function createResponder(parts: ResponderParts): (request: Uint8Array) => Promise<OcspAnswer> {
  const { signer, ledger, clock, log } = parts;
  const kept = new Map<string, Extract<OcspAnswer, { kind: 'answer' }>>();
  let waiting = 0;
  /** Told once, not for each request, which anybody may send. */
  let told: string | undefined;
  const tell = (message: string) => {
    if (message !== told) log(message);
    told = message;
  };

  const answer = async ({ certIds, nonce }: OcspRequest): Promise<OcspAnswer> => {
    const signing = await signer.ready();
    const { ca } = signing;
    // Anew for each answer: a revocation counts at once.
    const standings = ledger.read((database) => standingsOf(database, keyFingerprint(ca.spki), issuerMatcher(ca), certIds));
    // RFC 6960 §2.3: it cannot answer authoritatively (RFC 5019 §2.2.3).
    if (standings === undefined) return failureOf('unauthorized');
    const which = nonce === undefined && standings.length === 1 ? keyOf(standings, signing) : undefined;
    const known = which === undefined ? undefined : kept.get(which);
    const now = wholeSecond(clock());
    // Half of its time is left to whoever keeps it.
    if (known !== undefined && known.thisUpdate <= now && known.nextUpdate.getTime() - now.getTime() > parts.validMs / 2) return known;
    if (waiting >= maxWaiting) return failureOf('tryLater');
    waiting += 1;
    try {
      const made = await sign(parts, signing, standings, nonce, now);
      if (which !== undefined) keep(kept, which, made);
      return made;
    } finally {
      waiting -= 1;
    }
  };

  return async (der) => {
    let request: OcspRequest;
    try {
      request = parseOcspRequest(der);
    } catch {
      return failureOf('malformedRequest');
    }
    try {
      const given = await answer(request).catch((error: unknown) => {
        // The signer opens a new session, once; where that is of no use either it says so at once.
        if (newSessionMayMend(error)) return answer(request);
        throw error;
      });
      told = undefined;
      return given;
    } catch (error) {
      if (passes(error)) {
        // What is amiss with a token the signer has told.
        if (error.code === 'STATE_UNAVAILABLE') tell(error.message);
        return failureOf('tryLater');
      }
      tell(`An OCSP request was answered with internalError: ${error instanceof Error ? error.message : String(error)}`);
      return failureOf('internalError');
    }
  };
}

/** What time mends, or somebody who plugs the token in (RFC 6960 §2.3, tryLater). */
export function passes(error: unknown): error is HsmongerError {
  return error instanceof HsmongerError && typeof reactions[error.code].helper === 'object' && error.code !== 'INTERNAL';
}

function failureOf(failure: OcspFailure): OcspAnswer {
  return { kind: 'failure', der: failureResponse(failure), failure };
}

async function sign(
  { identifiedBy, validMs }: ResponderParts,
  { responder, sign: signData }: Signing,
  standings: readonly Standing[],
  nonce: Uint8Array | undefined,
  now: Date,
): Promise<Extract<OcspAnswer, { kind: 'answer' }>> {
  const { certificate } = responder;
  const responderId: ResponderId =
    identifiedBy === 'name' ? { by: 'name', name: certificate.subject } : { by: 'key', keyHash: keyIdentifier(certificate.spki) };
  // Nobody believes it once the certificate that stands in it has ended.
  const nextUpdate = new Date(Math.min(now.getTime() + validMs, Math.max(certificate.notAfter.getTime(), now.getTime())));
  const responses = standings.map(({ certId, status }) => ({ certId: certId.der, status, thisUpdate: now, nextUpdate }));
  const { data, signatureAlgorithm, signature } = await signData(() =>
    buildResponseData({ responderId, producedAt: now, responses, ...(nonce === undefined ? {} : { nonce }) }),
  );
  return {
    kind: 'answer',
    der: assembleResponse(data, signatureAlgorithm, signature, [certificate.der]),
    thisUpdate: now,
    nextUpdate,
    forOne: nonce !== undefined,
  };
}

/** The question, how it stands, and who signs: an answer is kept only as long as all of it is the same. */
function keyOf(standings: readonly Standing[], { responder }: Signing): string {
  return JSON.stringify([
    keyFingerprint(responder.certificate.der),
    standings.map(({ certId, status }) => [Buffer.from(certId.der).toString('base64'), status]),
  ]);
}

function keep<T>(kept: Map<string, T>, which: string, answer: T): void {
  const [oldest] = kept.keys();
  if (kept.size >= maxKept && oldest !== undefined) kept.delete(oldest);
  kept.delete(which);
  kept.set(which, answer);
}

function wholeSecond(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}
