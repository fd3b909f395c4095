import { expect, it } from 'vitest';
import { remembered } from '../../src/x509/remembered.js';

const bytes = (text: string) => new TextEncoder().encode(text);

it('computes once for the same bytes, whichever array they are in', () => {
  const asked: string[] = [];
  const length = remembered((given) => {
    asked.push(new TextDecoder().decode(given));
    return given.length;
  });
  expect([length(bytes('certificate')), length(bytes('x certificate').subarray(2)), length(bytes('key'))]).toEqual([11, 11, 3]);
  expect(asked).toEqual(['certificate', 'key']);
});

it('remembers undefined too, but nothing that was thrown', () => {
  let calls = 0;
  const fails = remembered((given): undefined => {
    calls += 1;
    if (given.length === 0) throw new Error('is empty');
  });
  expect(() => fails(bytes(''))).toThrow('is empty');
  expect(() => fails(bytes(''))).toThrow('is empty');
  fails(bytes('a'));
  fails(bytes('a'));
  expect(calls).toBe(3);
});

it('forgets the oldest, so that a process that runs for months does not grow', () => {
  let calls = 0;
  const count = remembered(() => (calls += 1));
  for (let index = 0; index < 100; index++) count(bytes(String(index)));
  count(bytes('99'));
  expect(calls).toBe(100);
  count(bytes('0'));
  expect(calls).toBe(101);
});
