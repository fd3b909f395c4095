import { expect, test } from 'vitest';
import { portionsOf } from '../../../../src/cli/ca/issuing/portions.js';

const request = (name: number, octets: number) => ({ name: String(name), csr: new Uint8Array(octets) });
const sizes = (...octets: number[]) =>
  portionsOf(octets.map((each, nth) => request(nth, each))).map((portion) => portion.map(({ csr }) => csr.length));
const mib = 1024 * 1024;

test('a portion has no more requests, and no more octets, than its answer has room for; each request is in one, in their order', () => {
  expect(sizes()).toEqual([]);
  expect(sizes(5 * mib, 3 * mib, 1, 9 * mib, 2)).toEqual([[5 * mib, 3 * mib], [1], [9 * mib], [2]]);
  const many = Array.from({ length: 20_001 }, (_none, nth) => request(nth, 1));
  const portions = portionsOf(many);
  expect(portions.map(({ length }) => length)).toEqual([10_000, 10_000, 1]);
  expect(portions.flat()).toEqual(many);
});
