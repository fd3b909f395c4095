import type { CalendarCertificate } from '../../../src/renewal/calendar/calendar.js';

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;
export const now = new Date('2026-11-20T10:00:00Z');

export const inDays = (days: number): Date => new Date(now.getTime() + days * day);

/** A certificate of 720 days that ends in 100, unless told otherwise. */
export function certificate(nickname: string, settings: Partial<CalendarCertificate> = {}): CalendarCertificate {
  return {
    instance: 'hsmonger',
    nickname,
    profile: 'caServerCert',
    identity: `identity of ${nickname}`,
    notBefore: inDays(-620),
    notAfter: inDays(100),
    lifeMs: 720 * day,
    backdateMs: minute,
    spreadMs: 7 * day,
    by: 'agent',
    group: 'CN=CA',
    ...settings,
  };
}

export const ca = (settings: Partial<CalendarCertificate> = {}): CalendarCertificate =>
  certificate('ca', { profile: 'caCACert', lifeMs: 7305 * day, ...settings });

export const below = (nickname: string, settings: Partial<CalendarCertificate> = {}): CalendarCertificate =>
  certificate(nickname, { ca: 'hsmonger/ca', ...settings });
