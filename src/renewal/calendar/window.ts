import { thresholds, tooNew } from '../decide.js';
import type { CalendarCertificate } from './calendar.js';

/** Milliseconds since the epoch, both ends included. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** A certificate's life in milliseconds since the epoch. */
export interface Life {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Of a life, at most so much is given away: what lives for a day is not renewed a week before its end. */
const mostOfLife = 1 / 8;
/**
 * Of the time renewals are spread over, the first part is the CA certificate's, so that its subordinates' moments do not depend on whether
 * it has to go first.
 */
const caShare = 1 / 4;

/**
 * When certmonger renews by itself: at the first of its thresholds that it sees crossed, which is one after the certificate was issued
 * (notBefore lies a little before that) and its first half hour; else when it expires.
 */
export function certmongersMoment({ notBefore, notAfter }: Life, backdateMs: number): number {
  const settled = settledAt({ notBefore, notAfter }, backdateMs);
  const threshold = thresholds.find((left) => notAfter - left > settled) ?? 0;
  return Math.max(notAfter - threshold, notBefore + tooNew);
}

/** The time a certificate's renewal is planned in; without the CA's share where it follows one. */
export function windowOf(
  life: Life,
  { backdateMs, spreadMs, by, follows }: Pick<CalendarCertificate, 'backdateMs' | 'spreadMs' | 'by'> & { readonly follows: boolean },
): Window {
  const to = certmongersMoment(life, backdateMs);
  if (by !== 'agent') return { from: to, to };
  const spread = Math.min(spreadMs, (life.notAfter - life.notBefore) * mostOfLife);
  const from = Math.max(Math.min(settledAt(life, backdateMs), to), to - spread);
  return { from: follows ? to - (to - from) * (1 - caShare) : from, to };
}

/** The CA's share before a subordinate's window. */
export function shareBefore({ from, to }: Window): Window {
  return { from: from - ((to - from) * caShare) / (1 - caShare), to: from };
}

/** From here on a certificate may be renewed again. */
export function settledAt({ notBefore, notAfter }: Life, backdateMs: number): number {
  // Somebody else's certificate, or one from before backdate-seconds was changed, may be shorter than that.
  return notBefore + tooNew + (backdateMs < notAfter - notBefore ? backdateMs : 0);
}
