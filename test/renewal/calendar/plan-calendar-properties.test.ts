import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CalendarCertificate } from '../../../src/renewal/calendar/calendar.js';
import { planCalendar } from '../../../src/renewal/calendar/plan-calendar.js';
import { decideRenewal } from '../../../src/renewal/decide.js';
import { below, ca, certificate, day, hour, inDays, minute, now } from './certificates.js';

const until = inDays(365);
const lifeMs = fc.oneof(
  fc.integer({ min: 35 * minute, max: 3 * day }),
  fc.integer({ min: day, max: 800 * day }),
  fc.integer({ min: 2000 * day, max: 8000 * day }),
);
const backdateMs = fc.constantFrom(0, minute, hour, 7 * day);

const any = fc
  .record({
    lifeMs,
    lived: fc.double({ min: 0, max: 1.05, noNaN: true }),
    backdateMs,
    spreadMs: fc.integer({ min: 1, max: 90 }).map((days) => days * day),
    identity: fc.uuid(),
  })
  .map(({ lived, ...settings }): Partial<CalendarCertificate> => {
    const issued = now.getTime() - Math.floor(lived * settings.lifeMs);
    return { ...settings, notBefore: new Date(issued - settings.backdateMs), notAfter: new Date(issued + settings.lifeMs) };
  });
const family = fc
  .tuple(any, fc.array(any, { maxLength: 12 }))
  .map(([top, others]) => [ca(top), ...others.map((settings, index) => below(`s${String(index)}`, settings))]);

/** When certmonger would renew it, having looked at it once it had settled and then always in time. */
function certmongers({ notBefore, notAfter, backdateMs: before }: CalendarCertificate): number {
  const looked = new Date(notBefore.getTime() + before + 30 * minute);
  return decideRenewal(looked, { notBefore, notAfter, lastCheck: looked }).next!.getTime();
}

test('never later than certmonger would, never in the first half hour, always in its window', () => {
  fc.assert(
    fc.property(family, (certificates) => {
      const entries = planCalendar(certificates, { now, until });
      for (const [index, entry] of entries.entries()) {
        const given = certificates[index]!;
        for (const { from, to, planned } of [entry, ...entry.later]) {
          expect(planned.getTime()).toBeGreaterThanOrEqual(from.getTime());
          expect(planned.getTime()).toBeLessThanOrEqual(to.getTime());
        }
        expect(entry.to.getTime()).toBeLessThanOrEqual(certmongers(given));
        expect(entry.from.getTime()).toBeGreaterThanOrEqual(given.notBefore.getTime() + 30 * minute);
      }
    }),
    { numRuns: 500 },
  );
});

test('a CA before those that wait for it, unless it became valid just now', () => {
  fc.assert(
    fc.property(family, (certificates) => {
      const [top, ...others] = planCalendar(certificates, { now, until });
      const settled = certificates[0]!.notBefore.getTime() + certificates[0]!.backdateMs + 30 * minute;
      for (const other of others.filter(({ after }) => after !== undefined)) {
        expect(other.after).toBe('ca');
        const [mine, its] = [other, top!];
        if (its.from.getTime() > settled) expect(its.planned.getTime()).toBeLessThanOrEqual(mine.planned.getTime());
      }
    }),
    { numRuns: 500 },
  );
});

test('what would gain nothing before the CA is never planned before it', () => {
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 100 }), (settings, days) => {
      const certificates = [
        ca({ notAfter: inDays(days) }),
        ...settings.map((one, index) => below(`s${String(index)}`, { ...one, notBefore: inDays(days - 700), notAfter: inDays(days) })),
      ];
      const [top, ...others] = planCalendar(certificates, { now, until });
      for (const other of others) {
        expect(other.after).toBe('ca');
        expect(top!.planned.getTime()).toBeLessThanOrEqual(other.planned.getTime());
      }
    }),
  );
});

test('no two of one CA in the same minute where there is room', () => {
  fc.assert(
    fc.property(fc.array(any, { minLength: 2, maxLength: 40 }), (settings) => {
      const certificates = settings.map((one, index) => certificate(`c${String(index)}`, one));
      const entries = planCalendar(certificates, { now, until });
      const roomy = entries.filter(({ from, to }) => to.getTime() - from.getTime() > 2 * minute * entries.length + 2 * minute);
      const minutes = roomy.map(({ planned }) => Math.floor(planned.getTime() / minute));
      expect(new Set(minutes).size).toBe(minutes.length);
    }),
    { numRuns: 300 },
  );
});

test('the same whenever and in whichever order it is asked', () => {
  fc.assert(
    fc.property(
      family,
      fc.integer({ min: -400, max: 400 }),
      fc.array(fc.nat(), { minLength: 13, maxLength: 13 }),
      (certificates, later, keys) => {
        const first = (given: readonly CalendarCertificate[], at: Date) =>
          new Map(
            planCalendar(given, { now: at, until: new Date(at.getTime() + 365 * day) }).map(({ nickname, from, to, planned, after }) => [
              nickname,
              { from, to, planned, after },
            ]),
          );
        const shuffled = certificates
          .map((one, index) => ({ one, key: keys[index]! }))
          .sort((a, b) => a.key - b.key)
          .map(({ one }) => one);
        expect(first(shuffled, inDays(later / 40))).toEqual(first(certificates, now));
      },
    ),
    { numRuns: 300 },
  );
});

test('each renewal comes after the one before', () => {
  fc.assert(
    fc.property(family, (certificates) => {
      for (const entry of planCalendar(certificates, { now, until })) {
        const renewals = [entry, ...entry.later];
        for (let index = 1; index < renewals.length; index += 1)
          expect(renewals[index]!.planned.getTime()).toBeGreaterThan(Math.max(renewals[index - 1]!.planned.getTime(), now.getTime()));
      }
    }),
    { numRuns: 300 },
  );
});

test('two thousand of one CA have a minute each', () => {
  const certificates = [ca(), ...Array.from({ length: 2000 }, (_, index) => below(`s${String(index)}`))];
  const entries = planCalendar(certificates, { now, until });
  expect(new Set(entries.map(({ planned }) => Math.floor(planned.getTime() / minute))).size).toBe(2001);
});
