import type { Diagnosis } from '../../diagnosis/diagnosis.js';
import type { AgentEvent, Events } from '../report/events.js';

/** Tells troubles as events: each cause once while it lasts, and its end. */
export interface IncidentEvents {
  /** Of one certificate. `settled`: where there is no diagnosis it is well, not just on its way. */
  ofCertificate(nickname: string, diagnosis: Diagnosis | undefined, settled: boolean): void;
  /** Of the instance as a whole: all there are now. */
  ofInstance(diagnoses: readonly Diagnosis[]): void;
  /** What was done last for it, for the telling of its end. */
  treated(nickname: string, by: Diagnosis['cure']['by']): void;
}

interface Trouble {
  readonly cause: string;
  readonly sinceMs: number;
  readonly told: Set<string>;
  cure: Diagnosis['cure']['by'];
}

/** What heals at once, as when a CA is restarted by the hook of the certificate saved before, is no news. */
const patienceMs = 60_000;
/** certmonger restarts with every update of it, and reads each request anew before it answers. */
const passing: ReadonlySet<string> = new Set(['certmonger-away']);

export function createIncidentEvents({
  instance,
  events,
  clock,
  now,
}: {
  readonly instance: string;
  readonly events: Events;
  readonly clock: () => Date;
  readonly now: () => number;
}): IncidentEvents {
  const ofCertificates = new Map<string, Trouble>();
  const ofInstance = new Map<string, Trouble>();

  const say = (kind: AgentEvent['kind'], nickname: string | undefined, message: string, details: Readonly<Record<string, string>>) => {
    events.tell({ kind, at: clock(), instance, message, details, ...(nickname === undefined ? {} : { nickname }) });
  };
  const begin = (among: Map<string, Trouble>, key: string, cause: string): Trouble => {
    const trouble = among.get(key) ?? { cause, sinceMs: now(), told: new Set<string>(), cure: 'waiting' };
    among.set(key, trouble);
    return trouble;
  };
  const tellOnce = ({ told, sinceMs }: Trouble, { cause, severity, sentence, cure }: Diagnosis, nickname?: string) => {
    if (told.has(cause) || ((severity === 'warning' || passing.has(cause)) && now() - sinceMs < patienceMs)) return;
    told.add(cause);
    say(
      nickname === undefined || severity === 'warning' ? 'trouble' : 'failed',
      nickname,
      nickname === undefined ? sentence : `'${nickname}': ${sentence}`,
      { cause, severity, cure: cure.by },
    );
  };
  const end = (among: Map<string, Trouble>, key: string, nickname?: string) => {
    const trouble = among.get(key);
    among.delete(key);
    if (trouble === undefined || trouble.told.size === 0) return;
    const { cause, cure } = trouble;
    say(
      'healed',
      nickname,
      `${nickname === undefined ? `'${cause}' is over` : `'${nickname}' is well again after '${cause}'`}${cure === 'waiting' ? '' : `, by ${cure}`}.`,
      { cause, cure },
    );
  };

  return {
    ofCertificate(nickname, diagnosis, settled) {
      if (diagnosis !== undefined) tellOnce(begin(ofCertificates, nickname, diagnosis.cause), diagnosis, nickname);
      else if (settled) end(ofCertificates, nickname, nickname);
    },
    ofInstance(diagnoses) {
      for (const cause of [...ofInstance.keys()].filter((each) => diagnoses.every((diagnosis) => diagnosis.cause !== each)))
        end(ofInstance, cause);
      for (const diagnosis of diagnoses) tellOnce(begin(ofInstance, diagnosis.cause, diagnosis.cause), diagnosis);
    },
    treated(nickname, by) {
      const trouble = ofCertificates.get(nickname);
      if (trouble !== undefined) trouble.cure = by;
    },
  };
}
