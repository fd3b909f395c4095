import { HsmongerError } from '../../errors.js';
import type { Issued } from '../../issuer/issuer.js';
import type { Progress } from '../../protocol/cookie.js';
import { acceptable } from '../../x509/acceptable.js';
import { nameText } from '../../x509/names/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import type { Course } from './course.js';
import { importedCertificate, storedCertificate } from './kept.js';
import type { EnrolmentParts } from './parts.js';
import type { Situation } from './situation.js';
import { enrolmentOf, type Request } from './request.js';
import type { Waiting } from './waiting.js';

/** The answer, and the renewal lock with it: what follows is still under the lock. */
interface Asked {
  readonly found: Issued | Waiting;
  readonly release: () => void;
}

/** Of the helper's time, for others who hold the lock. */
const lockShare = 0.25;
const maxLockMs = 30_000;

/** What an earlier call was left with, else what has been imported for the CA, else what the issuer says. Rule 3 goes for all of them. */
export async function askIssuer(
  parts: EnrolmentParts,
  situation: Situation,
  request: Request,
  course: Extract<Course, { kind: 'request' }>,
  reach: (progress: Progress) => void,
): Promise<Asked> {
  const held = await parts.lock?.().hold(`hsmonger-submit[${String(process.pid)}]`, {
    waitMs: Math.min(maxLockMs, parts.instance.helper.deadlineSeconds * 1000 * lockShare),
  });
  const release = () => held?.release();
  try {
    const kept = (await storedCertificate(parts, situation, request)) ?? (await importedCertificate(parts, situation, request));
    return { found: kept ?? (await issuersAnswer(parts, situation, request, course, reach)), release };
  } catch (error) {
    release();
    throw error;
  }
}

async function issuersAnswer(
  { issuer, instance, clock, flags }: EnrolmentParts,
  { authority }: Situation,
  request: Request,
  course: Extract<Course, { kind: 'request' }>,
  reach: (progress: Progress) => void,
): Promise<Issued | Waiting> {
  const { csr, old, progress } = request;
  const answer = await issuer.enrol({
    ...enrolmentOf(request),
    ...(course.profile === undefined ? {} : { profile: course.profile }),
    ...(authority === undefined ? {} : { authority }),
    ...(flags.forceSelfSigned ? { selfSigned: true } : {}),
    ...(progress?.state === 'request' ? { pending: progress.pending } : {}),
  });
  if ('pending' in answer) {
    reach({ state: 'request', pending: answer.pending });
    // The issuer on the token answers at once, except on a clone, which waits for the owner and for nobody's approval.
    return {
      code: instance.issuer.type === 'token' ? 'NOT_PUBLISHED' : 'CA_PENDING',
      afterSeconds: answer.afterSeconds,
      message: answer.message,
    };
  }
  // The issuer on the token has checked what it made itself.
  if (instance.issuer.type === 'token') return answer;
  const authorities = [...answer.chain, ...answer.roots].map((der) => parseCertificate(der));
  const found = acceptable({
    now: clock(),
    issued: parseCertificate(answer.certificate, 'The certificate the CA gave'),
    authorities,
    csr,
    ...(old === undefined ? {} : { old }),
  });
  if ('fault' in found)
    throw new HsmongerError('ISSUED_WRONG', `The certificate the CA gave for ${nameText(csr.subject)} is not handed out: ${found.fault}.`);
  return answer;
}
