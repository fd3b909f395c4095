import type { CalendarCertificate } from './calendar.js';
import { settledAt, shareBefore, type Life, type Window } from './window.js';

/** A certificate with the life it has at some point of the calendar. */
export interface Standing {
  readonly certificate: CalendarCertificate;
  readonly life: Life;
  readonly window: Window;
}

/**
 * Whether a renewal would end no later than the certificate there is, because its CA's certificate does: it would be refused
 * (issuer/token/decide.ts).
 */
export function gainsNothing(subordinate: Standing, ca: Standing): boolean {
  return ca.life.notAfter <= subordinate.life.notAfter;
}

/**
 * Whether the CA's certificate is to be renewed before a subordinate's: that would outlive it, and the CA's new one would last longer. Not
 * in the first half of the CA's life, where the subordinate's next one is cut to the CA's end instead, or the CA would be renewed for each
 * of many; but always where nothing would be gained otherwise.
 */
export function goesFirst(ca: Standing, subordinate: Standing): boolean {
  if (ca.certificate.by !== 'agent' || subordinate.certificate.by !== 'agent') return false;
  if (gainsNothing(subordinate, ca)) return true;
  const half = (ca.life.notBefore + ca.life.notAfter) / 2;
  return (
    ca.life.notAfter < subordinate.window.to + subordinate.certificate.lifeMs &&
    ca.certificate.lifeMs > subordinate.certificate.lifeMs &&
    subordinate.window.from >= half
  );
}

/** The CA's own window, moved before the first of those it has to precede. */
export function leadingWindow(ca: Standing, subordinates: readonly Standing[]): Window {
  const first = subordinates
    .filter((subordinate) => goesFirst(ca, subordinate))
    .sort((one, other) => one.window.from - other.window.from)[0];
  if (first === undefined || ca.window.to <= first.window.from) return ca.window;
  const share = shareBefore(first.window);
  // What was issued just now is not renewed again, whoever would like to come after it.
  const settled = Math.min(settledAt(ca.life, ca.certificate.backdateMs), ca.window.to);
  return { from: Math.max(settled, Math.min(ca.window.from, share.from)), to: Math.max(settled, share.to) };
}
