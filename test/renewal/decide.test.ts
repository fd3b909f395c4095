import { describe, expect, test } from 'vitest';
import { decideRenewal } from '../../src/renewal/decide.js';

const notAfter = new Date('2027-06-30T12:00:00Z');
const left = (days: number, hours = 0) => new Date(notAfter.getTime() - (days * 24 + hours) * 3_600_000);

describe('certmonger renews', () => {
  test.each([
    ['when 28 days are crossed since the last look', left(27, 23), left(28, 1)],
    ['when the last look was before any threshold and several are crossed', left(0, 5), left(400)],
    ['on the threshold itself', left(7), left(8)],
    ['when it never looked and less than 28 days are left', left(20), undefined],
    ['when it has expired, however often it looked', new Date(notAfter.getTime() + 1000), notAfter],
    ['at the very moment of expiry', notAfter, left(0, 0.5)],
  ])('%s', (_, now, lastCheck) => {
    expect(decideRenewal(now, { notAfter, ...(lastCheck === undefined ? {} : { lastCheck }) })).toMatchObject({ due: true, next: now });
  });
});

describe('certmonger waits', () => {
  test.each([
    ['from a year to 28 days', left(365), left(366), left(28)],
    ['from 20 days to 7, after a renewal that failed', left(20), left(21), left(7)],
    ['from 90 minutes to one hour', left(0, 1.5), left(0, 1.75), left(0, 1)],
    ['from half an hour to the end', left(0, 0.5), left(0, 0.75), notAfter],
    ['just before the threshold', new Date(left(28).getTime() - 1), left(29), left(28)],
  ])('%s', (_, now, lastCheck, next) => {
    expect(decideRenewal(now, { notAfter, lastCheck })).toMatchObject({ due: false, reason: 'not yet', next });
  });

  test('half an hour with a certificate that has just become valid, even an expiring one', () => {
    const notBefore = new Date('2027-06-20T00:00:00Z');
    const decision = decideRenewal(new Date('2027-06-20T00:10:00Z'), { notAfter, notBefore });
    expect(decision).toMatchObject({ due: false, reason: 'too new', next: new Date('2027-06-20T00:30:00Z') });
    expect(decision.message).toContain('2027-06-20 00:30 UTC');
  });

  test('says of one just renewed when it is due again, not when the half hour ends', () => {
    const notBefore = new Date('2027-06-20T00:00:00Z');
    expect(decideRenewal(new Date('2027-06-20T00:10:00Z'), { notAfter: new Date('2029-06-28T00:00:00Z'), notBefore })).toMatchObject({
      due: false,
      reason: 'not yet',
      next: new Date('2029-05-31T00:00:00Z'),
    });
  });

  test('for ever when it does not know the end', () => {
    const decision = decideRenewal(left(1), {});
    expect(decision).toMatchObject({ due: false, reason: 'expiry unknown' });
    expect(decision).not.toHaveProperty('next');
  });
});

test('the message names the threshold in a person’s units', () => {
  expect(decideRenewal(left(365), { notAfter }).message).toBe('Next renewal at 2027-06-02 12:00 UTC, when 28 days are left.');
  expect(decideRenewal(left(0, 20), { notAfter, lastCheck: left(1, 1) }).message).toBe('Less than 24 hours left: due now.');
});
