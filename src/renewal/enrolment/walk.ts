import { asHsmongerError, HsmongerError, type ErrorCode } from '../../errors.js';
import { createDirectoryIssuer } from '../../issuer/directory/directory-issuer.js';
import type { SharedStore } from '../../issuer/directory/shared-store.js';
import { takeShared, type Taker } from '../../issuer/directory/take-shared.js';
import { createExternalIssuer } from '../../issuer/external/external-issuer.js';
import type { Issued } from '../../issuer/issuer.js';
import type { Progress } from '../../protocol/cookie.js';
import { findPath } from '../../x509/path.js';
import { nameText } from '../../x509/names/name.js';
import { certificateToPem } from '../../x509/pem.js';
import { sameKey } from '../../x509/public-key.js';
import { askIssuer } from './ask-issuer.js';
import type { Course } from './course.js';
import { storedCertificate, takerOf, trusted } from './kept.js';
import type { EnrolmentParts } from './parts.js';
import type { Situation } from './situation.js';
import { publishIssued } from './publish.js';
import { enrolmentOf, type Request } from './request.js';
import type { Waiting } from './waiting.js';

/** A certificate, and what `status` is to show all the same. */
export interface Answer extends Issued {
  readonly remark?: { readonly code: ErrorCode; readonly message: string };
}

interface Way {
  readonly parts: EnrolmentParts;
  readonly situation: Situation;
  readonly request: Request;
  readonly taker: Taker;
  readonly reach: (progress: Progress) => void;
}

/** Goes the way that was decided on; `reach` is told how far it came, for the next call. Failures are HsmongerError. */
export async function walk(
  parts: EnrolmentParts,
  situation: Situation,
  request: Request,
  course: Course,
  reach: Way['reach'],
): Promise<Answer | Waiting> {
  const way: Way = { parts, situation, request, reach, taker: takerOf(parts, situation, request) };
  switch (course.kind) {
    case 'refused':
      throw new HsmongerError(course.code, course.reason);
    case 'reuse':
      return publishedAgain(way, course.publishAs, await reused(way));
    case 'request': {
      const answer = await askIssuer(parts, situation, request, course, reach);
      try {
        return 'code' in answer.found ? answer.found : await published(way, course.publishAs, answer.found);
      } finally {
        answer.release();
      }
    }
    case 'take':
      return take(way, course);
    case 'outside':
      return published(way, course.publishAs, await fromOutside(way));
  }
}

async function take(way: Way, course: Extract<Course, { kind: 'take' }>): Promise<Answer | Waiting> {
  const { parts, request, reach } = way;
  const store = storeOf(way);
  if (course.otherwise === 'wait') {
    const found = await createDirectoryIssuer({
      store,
      nickname: course.nickname,
      clock: parts.clock,
      ...(way.taker.missed === undefined ? {} : { missed: way.taker.missed }),
      ...(parts.random === undefined ? {} : { random: parts.random }),
    }).enrol(enrolmentOf(request));
    if ('certificate' in found) return found;
    reach({ state: 'retrieve' });
    if (request.old !== undefined) parts.inPlace?.(course.nickname, request.old);
    // It waits as often as before: whoever is back publishes.
    const alarm = await parts.masterAlarm?.(store);
    return alarm === undefined
      ? { code: 'NOT_PUBLISHED', afterSeconds: found.afterSeconds, message: found.message }
      : { code: 'MASTER_UNKNOWN', afterSeconds: found.afterSeconds, message: `${found.message} ${alarm}` };
  }
  const taken = await takeShared(store, course.nickname, way.taker);
  if (!('absent' in taken)) return taken;
  if (course.otherwise === 'reuse') {
    const issued = await reused(way);
    // ipa-cacert-manage publishes what an outside CA signed, asks for it in this way, and takes any certificate for success.
    return taken.refused
      ? {
          ...issued,
          remark: remarkOn(
            `What is published for '${course.nickname}' is not taken, and the certificate that is there is handed out again: ${taken.absent}.`,
          ),
        }
      : issued;
  }
  return published(way, course.publishAs, await fromOutside(way));
}

/** From now on the certificate is in the cookie until every server can have it. */
async function published({ parts, situation, taker, reach }: Way, nickname: string | undefined, issued: Issued): Promise<Issued> {
  if (nickname === undefined || situation.store === undefined) return issued;
  reach({ state: 'store', certificate: certificateToPem(issued.certificate) });
  // The time is another one by now: what was issued meanwhile was not valid when we began.
  return publishIssued(situation.store, nickname, issued, { ...taker, now: parts.clock() });
}

/**
 * What --reuse-existing asks for again, whether or not the others would take it: one that has expired, or whose chain is gone, does not
 * become better by being kept and tried again. A directory that is away is another matter.
 */
async function publishedAgain(way: Way, nickname: string | undefined, issued: Issued): Promise<Answer> {
  try {
    return await published(way, nickname, issued);
  } catch (error) {
    const failure = asHsmongerError(error);
    if (failure.code !== 'ISSUED_WRONG') throw failure;
    return { ...issued, remark: remarkOn(failure.message) };
  }
}

function remarkOn(message: string): NonNullable<Answer['remark']> {
  process.stderr.write(`hsmonger-submit: ${message}\n`);
  return { code: 'ISSUED_WRONG', message };
}

/** The certificate that is there, as --reuse-existing asks for: the one case in which nothing has to have grown (design rule 3). */
async function reused({ parts, situation, taker: { csr, old, now } }: Way): Promise<Issued> {
  if (old === undefined)
    throw new HsmongerError(
      'OLD_CERTIFICATE_MISSING',
      'New certificate requests not supported: certmonger holds no certificate to hand out again.',
    );
  if (!sameKey(old.spki, csr.spki))
    throw new HsmongerError(
      'KEY_MISMATCH',
      `The certificate of ${nameText(old.subject)} that certmonger holds is not of the request's key, so it is not handed out again.`,
    );
  const found = findPath(old, await trusted(parts, situation), now);
  return {
    certificate: old.der,
    ...('fault' in found
      ? { chain: [], roots: [] }
      : { chain: found.chain.map(({ der }) => der), roots: found.roots.map(({ der }) => der) }),
  };
}

/** What an earlier call was left with, or an administrator has imported; where there is nothing, somebody has to know. */
async function fromOutside({ parts, situation, request }: Way): Promise<Issued> {
  const { stateDirectory, clock, csrFile, alarm } = parts;
  const kept = await storedCertificate(parts, situation, request);
  if (kept !== undefined) return kept;
  try {
    return await createExternalIssuer({ stateDirectory, clock, authorities: () => trusted(parts, situation) }).enrol(enrolmentOf(request));
  } catch (error) {
    const failure = asHsmongerError(error);
    if (failure.code !== 'ISSUER_EXTERNAL') throw failure;
    const where = csrFile === undefined || !situation.facts.theCa ? '' : ` Its request is in ${csrFile().path}.`;
    await alarm(
      `Certificate with subject '${nameText(request.csr.subject)}' is about to expire, use 'hsmonger ca import' to renew it.${where}`,
    );
    throw new HsmongerError(failure.code, `${failure.message}${where}`, { cause: failure });
  }
}

function storeOf({ situation }: Way): SharedStore {
  if (situation.store === undefined)
    throw new HsmongerError('CONFIG_INVALID', 'A certificate is to be taken from the directory, and the instance has no [directory].');
  return situation.store;
}
