/** A certificate that is renewed, as far as the calendar has to know it. */
export interface CalendarCertificate {
  readonly instance: string;
  readonly nickname: string;
  readonly profile: string;
  /** Of its key and its serial number: another certificate has other moments, the same one has the same after every restart. */
  readonly identity: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** How long one that is issued now lives, milliseconds. */
  readonly lifeMs: number;
  /** How far notBefore lies before the moment of issue, milliseconds. */
  readonly backdateMs: number;
  /** How long before certmonger's own moment renewals may be spread, milliseconds. */
  readonly spreadMs: number;
  readonly by: RenewedBy;
  /** What all certificates of one CA share: they are kept apart from each other. */
  readonly group: string;
  /** certificateKey() of the CA certificate that signs its renewals, where that is another of these. */
  readonly ca?: string;
}

/**
 * Who begins a renewal. certmonger: at its own moment, where the agent is told to leave it that. renewal master: another server renews and
 * publishes. person: a CA outside signs when somebody asks it.
 */
export type RenewedBy = 'agent' | 'certmonger' | 'renewal master' | 'person';

export function certificateKey({ instance, nickname }: Pick<CalendarCertificate, 'instance' | 'nickname'>): string {
  return `${instance}/${nickname}`;
}

/** When a certificate is renewed. */
export interface Renewal {
  readonly from: Date;
  /** The latest: when certmonger would do it by itself. */
  readonly to: Date;
  /** May lie in the past: what was missed is made up for as soon as it can be. */
  readonly planned: Date;
}

/** A certificate's line in the calendar, with its next renewal, however far away. */
export interface CalendarEntry
  extends Renewal, Pick<CalendarCertificate, 'instance' | 'nickname' | 'profile' | 'notBefore' | 'notAfter' | 'by'> {
  /** Those after it that fall into the calendar's time. */
  readonly later: readonly Renewal[];
  /** Nickname of the CA's certificate that has to be renewed before this one. */
  readonly after?: string;
  /** Whole sentences. */
  readonly notes: readonly string[];
}
