import { expect, test } from 'vitest';
import type { CalendarEntry } from '../../../src/renewal/calendar/calendar.js';
import { planCalendar } from '../../../src/renewal/calendar/plan-calendar.js';
import { below, ca, certificate, day, hour, inDays, minute, now } from './certificates.js';

const plan = (...certificates: Parameters<typeof planCalendar>[0]) => planCalendar(certificates, { now, until: inDays(365) });
const days = (date: Date) => (date.getTime() - now.getTime()) / day;
const planned = (entry: CalendarEntry | undefined) => days(entry!.planned);

test('a certificate of two years is renewed in the week before its last 28 days', () => {
  const [entry] = plan(certificate('a'));
  expect(days(entry!.to)).toBe(72);
  expect(days(entry!.from)).toBe(65);
  expect(planned(entry)).toBeGreaterThanOrEqual(65);
  expect(planned(entry)).toBeLessThan(72);
  expect(entry).toMatchObject({ by: 'agent', notes: [], later: [] });
});

test('all that end together are renewed at different hours, the CA first', () => {
  const entries = plan(ca(), ...Array.from({ length: 8 }, (_, index) => below(`s${String(index)}`)));
  const moments = entries.map(planned).sort((one, other) => one - other);
  expect(moments[0]).toBe(planned(entries[0]));
  for (let index = 1; index < moments.length; index += 1) expect((moments[index]! - moments[index - 1]!) * 24).toBeGreaterThanOrEqual(1);
  expect(moments.at(-1)).toBeLessThanOrEqual(72);
  expect(moments[0]).toBeGreaterThanOrEqual(65);
  expect(entries.slice(1).every(({ after }) => after === 'ca')).toBe(true);
});

test('a CA that ends later is moved before the first certificate that would outlive it, not into its first half', () => {
  const [moved, follower] = plan(ca({ notBefore: inDays(-7000), notAfter: inDays(305) }), below('s'));
  expect(planned(moved)).toBeLessThanOrEqual(days(follower!.from));
  expect(planned(moved)).toBeGreaterThan(64);
  const [young, cut] = plan(ca({ notBefore: inDays(-10), notAfter: inDays(305), lifeMs: 800 * day }), below('s'));
  expect(planned(young)).toBeGreaterThan(265);
  expect(cut!.after).toBeUndefined();
});

test('a subordinate keeps its moment when its CA has been renewed', () => {
  const before = plan(ca(), below('s'), below('t'));
  const after = plan(ca({ identity: 'the new one', notBefore: inDays(60), notAfter: inDays(7365) }), below('s'), below('t'));
  expect(after.slice(1).map(planned)).toEqual(before.slice(1).map(planned));
  expect(after[1]!.after).toBeUndefined();
});

test.each([
  ['90 days', 90 * day, 62 * day, 7 * day],
  ['28 days', 28 * day, 21 * day, 3.5 * day],
  ['8 days', 8 * day, day, day - hour / 2],
  ['one day', day, 12 * hour, 3 * hour],
  ['3 hours', 3 * hour, hour, 22.5 * minute],
  ['one hour', hour, hour, 7.5 * minute],
  ['20 minutes', 20 * minute, 30 * minute, 0],
])('a life of %s', (_name, life, to, spread) => {
  const [entry] = plan(certificate('a', { notBefore: now, notAfter: new Date(now.getTime() + life), lifeMs: life, backdateMs: 0 }));
  expect(entry!.to.getTime() - now.getTime()).toBe(to);
  expect(entry!.to.getTime() - entry!.from.getTime()).toBeLessThanOrEqual(spread);
  expect(entry!.from.getTime() - now.getTime()).toBeGreaterThanOrEqual(30 * minute);
});

test('what was issued for exactly a threshold is not renewed in its first hour', () => {
  const [entry] = plan(certificate('a', { notBefore: new Date(now.getTime() - minute), notAfter: inDays(28), lifeMs: 28 * day }));
  expect(days(entry!.to)).toBe(21);
});

test('short-lived ones are listed again and again, so many, and it is said that they go on', () => {
  const [entry] = plan(certificate('a', { notBefore: now, notAfter: inDays(1), lifeMs: day }));
  expect([entry!, ...entry!.later]).toHaveLength(24);
  expect(entry!.notes).toEqual(['Only the next 24 renewals are listed; they go on like that, about every 24 hours.']);
  for (const [index, renewal] of entry!.later.entries())
    if (index > 0) expect(renewal.planned.getTime()).toBeGreaterThan(entry!.later[index - 1]!.planned.getTime());
  const [quarterly] = plan(certificate('a', { notBefore: now, notAfter: inDays(90), lifeMs: 90 * day }));
  expect(quarterly!.later).toHaveLength(5);
  expect(quarterly!.notes).toEqual([]);
});

test('one that is renewed after the calendar ends still has its next renewal', () => {
  const [entry] = plan(certificate('a', { notBefore: now, notAfter: inDays(7305) }));
  expect([entry!, ...entry!.later]).toHaveLength(1);
  expect(days(entry!.to)).toBe(7277);
});

test("what the agent does not renew is at certmonger's moment", () => {
  for (const by of ['certmonger', 'renewal master', 'person'] as const) {
    const [entry] = plan(certificate('a', { by }));
    expect(entry).toMatchObject({ by, from: inDays(72), to: inDays(72), planned: inDays(72) });
  }
});

test('where the CA ends first and others renew it, an earlier renewal would be refused: left to certmonger', () => {
  const [, entry] = plan(ca({ by: 'certmonger' }), below('s'));
  expect(entry).toMatchObject({
    by: 'certmonger',
    planned: inDays(72),
    notes: ["Its CA's certificate 'ca' ends first and is not renewed by this agent; an earlier renewal would be refused."],
  });
});

test('a CA that later certificates would outlive says so', () => {
  const [entry] = plan(
    ca({ notBefore: inDays(-7000), notAfter: inDays(300) }),
    below('s', { notBefore: now, notAfter: inDays(90), lifeMs: 90 * day }),
  );
  expect(planned(entry)).toBeGreaterThan(264);
  expect(entry!.notes[0]).toMatch(/^Goes first when the renewal of 's' around 2027-/u);
});
