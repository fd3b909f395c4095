import type { CertificateConfig } from '../../../config/instance.js';
import { diagnose } from '../../../diagnosis/diagnose.js';
import type { Cure, Diagnosis } from '../../../diagnosis/diagnosis.js';
import type { RequestFacts } from '../../../diagnosis/facts.js';
import { lockHoldingStates } from '../../../diagnosis/groups.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import type { Check } from '../../check.js';
import type { DoctorFacts } from '../../facts.js';
import type { CertmongerFacts } from '../../facts/certmonger.js';
import type { Finding, Remedy } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { certificateOf, keyStanding, ourRequests } from './ours.js';

type Request = CertmongerFacts['requests'][number];

/** Told by checks of their own, with more to go by. */
const elsewhere: ReadonlySet<string> = new Set([
  'expired',
  'expiry-unknown',
  'reads-another',
  'not-saved',
  'saving-left',
  'saving-stopped',
  'gave-up',
]);

/** What the agent heals by and `status` speaks by (src/diagnosis), from one look: what only a history shows is the agent's to see. */
export const requestsMoving: Check = {
  source: 'hsmonger.certmonger',
  name: 'RequestsMoving',
  about: 'No request of the instance is stuck, refused, waits for a week, or goes round in a circle.',
  run: (facts) =>
    known(facts.certmonger, ({ requests }) => {
      const ours = ourRequests(facts.instance, requests);
      const lock = requests.find(({ status }) => (lockHoldingStates as readonly string[]).includes(status))?.nickname;
      return orFine(
        ours.flatMap(({ config, request }) => {
          const diagnosis = diagnose(requestFacts(facts, config, request, lock));
          return diagnosis === undefined || elsewhere.has(diagnosis.cause) ? [] : [finding(config.nickname, request, diagnosis)];
        }),
        `All ${String(ours.length)} requests rest or are under way.`,
      );
    }),
};

function requestFacts(
  { instance, now, state }: DoctorFacts,
  { nickname, profile, storage }: CertificateConfig,
  request: Request,
  lock: string | undefined,
): RequestFacts {
  const {
    status,
    stuck,
    caError,
    ca,
    submitted,
    certificate: { notBefore, notAfter },
  } = request;
  const held = certificateOf(request);
  const outcome =
    state.known && held !== undefined
      ? state.value.outcomes.find((one) => one.subjectKey === keyFingerprint(held.spki) && one.profile === profile)
      : undefined;
  const answer =
    outcome === undefined || outcome.code === 'ISSUED' || (held !== undefined && outcome.at < held.notBefore)
      ? undefined
      : { code: outcome.code, message: outcome.message, at: outcome.at };
  return {
    now,
    instance: instance.name,
    user: instance.user,
    database: instance.nss.database,
    nickname,
    place: storage.kind === 'token' ? 'on the token' : storage.kind === 'internal' ? 'in the NSS database' : `in ${storage.certificate}`,
    onToken: storage.kind === 'token',
    request: {
      id: request.nickname,
      status,
      stuck,
      ...(caError === undefined ? {} : { caError }),
      ...(ca === undefined ? {} : { ca }),
      certificate: { ...(notBefore === undefined ? {} : { notBefore }), ...(notAfter === undefined ? {} : { notAfter }) },
      key: keyStanding(request),
    },
    ...(submitted === undefined ? {} : { forMs: now.getTime() - submitted.getTime() }),
    trail: [],
    remembered: { ...(answer === undefined ? {} : { outcome: answer }) },
    tries: 0,
    ...(lock === undefined || lock === request.nickname ? {} : { lockHeldBy: lock }),
  };
}

function finding(nickname: string, { nickname: id, status }: Request, { severity, sentence, cure }: Diagnosis): Finding {
  const remedy = remedyOf(cure, nickname);
  return {
    severity,
    key: nickname,
    message: `The request '${id}' for '${nickname}' is ${status}: ${sentence}`,
    fix: fixOf(cure, nickname),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

/** What the agent would do by itself a person does where none runs. */
function fixOf({ by, advice }: Cure, nickname: string): string {
  switch (by) {
    case 'resubmit':
    case 'refresh':
      return `${advice} Where no agent runs: hsmonger renew '${nickname}'.`;
    case 'restart':
      return `${advice} Where no agent runs: systemctl restart certmonger.`;
    case 'waiting':
    case 'move PIN aside':
    case 'reconcile':
    case 'a person':
      return advice;
  }
}

/** A PIN is not tried again by --fix, and nothing that could make a key is set going (design rules 1 and 4). */
function remedyOf({ by }: Cure, nickname: string): Remedy | undefined {
  switch (by) {
    case 'resubmit':
    case 'refresh':
      return { kind: 'resubmit', nickname };
    case 'reconcile':
      return { kind: 'reconcile' };
    case 'restart':
    case 'waiting':
    case 'move PIN aside':
    case 'a person':
      return undefined;
  }
}
