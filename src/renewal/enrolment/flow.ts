import { asHsmongerError, helperReaction, HsmongerError, sentenceOf } from '../../errors.js';
import type { OutcomeRow } from '../../ledger/outcomes.js';
import { readCookie, writeCookie, type Progress } from '../../protocol/cookie.js';
import type { EnrolVariables } from '../../protocol/operation.js';
import type { Outcome } from '../../protocol/outcome.js';
import { failureOutcome, issuedOutcome } from './answers.js';
import { decideCourse, type Course } from './course.js';
import type { EnrolmentParts } from './parts.js';
import { findSituation } from './situation.js';
import { readRequest, type Request } from './request.js';
import { walk } from './walk.js';

/** The answer, and what `status` is to show of it. */
export interface Ended {
  readonly outcome: Outcome;
  readonly code: OutcomeRow['code'];
  readonly message: string;
}

/** For what was issued and cannot be handed on yet, whatever the reason: nothing that was issued is given up. */
const keptSeconds = 60;

/** One SUBMIT or POLL: what is asked for, which way it goes, the way itself. Never throws; what was reached goes into the cookie. */
export async function pursue(parts: EnrolmentParts, variables: EnrolVariables): Promise<Ended> {
  const reached = { cookie: firstCookie(parts, variables), issued: false };
  try {
    const request = readRequest(variables);
    const situation = await findSituation(parts, request);
    reached.cookie = writeCookie(situation.form, request.profile, request.progress);
    const reach = (progress: Progress) => {
      reached.cookie = writeCookie(situation.form, request.profile, progress);
      reached.issued = progress.state === 'store';
    };
    const course = decideCourse(situation.facts);
    if (situation.facts.theCa) writeRequest(parts, request, course);
    if (request.profile !== undefined) parts.assertSavable?.(request.profile);
    const found = await walk(parts, situation, request, course, reach);
    if ('certificate' in found) return { outcome: issuedOutcome(found), ...(found.remark ?? { code: 'ISSUED', message: '' }) };
    const { code, message, afterSeconds } = found;
    return { outcome: { kind: 'retry', afterSeconds, cookie: reached.cookie }, code, message };
  } catch (error) {
    const failure = asHsmongerError(error);
    process.stderr.write(`hsmonger-submit: ${failure.code}: ${failure.message}\n`);
    const kept = reached.issued && typeof helperReaction(failure.code) === 'string';
    return {
      outcome: kept ? { kind: 'retry', afterSeconds: keptSeconds, cookie: reached.cookie } : failureOutcome(failure, reached.cookie),
      code: failure.code,
      message: failure.message,
    };
  }
}

/** Until it is known where we are: the cookie as it came, if it says anything; FreeIPA's helper takes only its own form. */
function firstCookie({ instance }: EnrolmentParts, { cookie, profile }: EnrolVariables): string {
  if (cookie !== undefined && readCookie(cookie, profile) !== undefined) return cookie;
  return writeCookie(instance.freeipa === undefined ? 'certmonger' : 'own', profile, undefined);
}

/**
 * FreeIPA's tools look for the CA's request in a file of their own; only where an outside CA is to get it does it matter that it is there.
 */
function writeRequest({ csrFile }: EnrolmentParts, { csrPem, old }: Request, course: Course): void {
  if (csrFile === undefined || old === undefined) return;
  try {
    csrFile().write(csrPem);
  } catch (error) {
    if (course.kind === 'outside' || (course.kind === 'take' && course.otherwise === 'outside'))
      throw error instanceof HsmongerError ? error : asHsmongerError(error);
    process.stderr.write(`hsmonger-submit: ${sentenceOf(error)}\n`);
  }
}
