import { expect, test } from 'vitest';
import { createBackOff } from '../../../src/agent/timing/back-off.js';

test('waiting doubles up to its limit, never in step with others, and begins anew after a success', () => {
  const even = createBackOff({ firstMs: 1000, mostMs: 5000, random: () => 0 });
  expect([even.next(), even.next(), even.next(), even.next(), even.next()]).toEqual([1000, 2000, 4000, 5000, 5000]);
  even.reset();
  expect(even.next()).toBe(1000);
  expect(createBackOff({ firstMs: 1000, mostMs: 5000, random: () => 1 }).next()).toBe(800);
});
