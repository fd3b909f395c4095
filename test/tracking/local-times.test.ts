import { expect, test } from 'vitest';
import { utcText } from '../../src/tracking/listing.js';
import { localTimes } from '../../src/tracking/local-times.js';

const summer = new Date('2026-07-01T12:00:00.750Z');
const winter = new Date('2026-12-31T23:30:00Z');

test('local times carry the abbreviation of their zone, summer time and all', async () => {
  const berlin = await localTimes([winter, undefined, summer, winter], { TZ: 'Europe/Berlin' });
  expect([berlin(summer), berlin(winter)]).toEqual(['2026-07-01 14:00:00 CEST', '2027-01-01 00:30:00 CET']);
  expect((await localTimes([winter], { TZ: 'Asia/Kolkata' }))(winter)).toBe('2027-01-01 05:00:00 IST');
  await expect(localTimes([undefined], {})).resolves.toBeTypeOf('function');
});

test('UTC is written as getcert writes it', () => {
  expect(utcText(summer)).toBe('2026-07-01 12:00:00 UTC');
});
