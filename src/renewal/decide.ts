/** What decides when certmonger renews by itself. */
export interface RenewalFacts {
  /** Absent when certmonger could not read the certificate: it then never renews. */
  readonly notAfter?: Date;
  readonly notBefore?: Date;
  /** certmonger's last_need_enroll_check; absent when it never looked. */
  readonly lastCheck?: Date;
}

export interface RenewalDecision {
  readonly due: boolean;
  readonly reason: 'expiry unknown' | 'too new' | 'expired' | 'threshold passed' | 'not yet';
  /** One sentence for a person. */
  readonly message: string;
  /** When certmonger next renews by itself (now, where it is due); absent when never. */
  readonly next?: Date;
}

const hour = 3_600_000;
const day = 24 * hour;
/** Time left at which certmonger renews (its default for enroll_ttls), longest first. */
export const thresholds: readonly number[] = [28 * day, 7 * day, 3 * day, 2 * day, day, 12 * hour, 6 * hour, 2 * hour, hour];
/** A certificate that has only just become valid is left alone. */
export const tooNew = 30 * 60_000;

/**
 * Whether certmonger renews a certificate at its next look, and if not, when: it acts when the time left has crossed one of its
 * thresholds since it last looked, and always once the certificate has expired (iterate.c:508-565, 1399-1427).
 */
export function decideRenewal(now: Date, { notAfter, notBefore, lastCheck }: RenewalFacts): RenewalDecision {
  if (notAfter === undefined)
    return {
      due: false,
      reason: 'expiry unknown',
      message: 'certmonger does not know when this certificate expires and will never renew it.',
    };
  const settled = notBefore === undefined ? now : new Date(notBefore.getTime() + tooNew);
  if (now < settled) {
    const then = decideRenewal(settled, { notAfter, ...(lastCheck === undefined ? {} : { lastCheck }) });
    if (!then.due) return then;
    return {
      ...then,
      due: false,
      reason: 'too new',
      message: `Became valid less than 30 minutes ago, so it is left alone until ${minute(settled)}, then it is due.`,
    };
  }
  const left = notAfter.getTime() - now.getTime();
  if (left <= 0) return { due: true, reason: 'expired', message: `Expired at ${minute(notAfter)}: due now.`, next: now };
  const leftBefore = lastCheck === undefined ? Infinity : notAfter.getTime() - lastCheck.getTime();
  const crossed = thresholds.find((threshold) => leftBefore > threshold && left <= threshold);
  if (crossed !== undefined)
    return { due: true, reason: 'threshold passed', message: `Less than ${duration(crossed)} left: due now.`, next: now };
  const ahead = thresholds.find((threshold) => left > threshold) ?? 0;
  const next = new Date(notAfter.getTime() - ahead);
  return {
    due: false,
    reason: 'not yet',
    message: `Next renewal at ${minute(next)}, ${ahead === 0 ? 'when it expires' : `when ${duration(ahead)} are left`}.`,
    next,
  };
}

function duration(milliseconds: number): string {
  return milliseconds > day ? `${String(milliseconds / day)} days` : `${String(milliseconds / hour)} hours`;
}

function minute(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
