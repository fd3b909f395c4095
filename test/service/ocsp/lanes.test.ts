import { expect, it, vi } from 'vitest';
import { createLanes } from '../../../src/service/ocsp/lanes.js';
import type { Token } from '../../../src/pkcs11/token.js';
import { fakeToken } from '../../issuer/fake-token.js';
import { makeKeys } from '../../x509/material.js';

/** What is done through the lanes ends when it is told to. */
async function ground(most: number, refuseFrom = Infinity) {
  const keys = await makeKeys('p256');
  const closed: string[] = [];
  const token = (name: string): Token =>
    fakeToken([], [keys], {
      close: () => {
        closed.push(name);
        return Promise.resolve();
      },
    });
  const first = token('first');
  const key = await first.findKey({ by: 'public-key', spki: keys.spki });
  const open = vi.fn(() =>
    open.mock.calls.length >= refuseFrom ? Promise.reject(new Error('CKR_SESSION_COUNT')) : Promise.resolve(token('further')),
  );
  const lanes = createLanes({ token: first, key }, { by: 'public-key', spki: keys.spki }, { open, most });
  const started: number[] = [];
  const end: (() => void)[] = [];
  const work = (n: number) =>
    lanes.through(
      () =>
        new Promise<number>((resolve) => {
          started.push(n);
          end.push(() => {
            resolve(n);
          });
        }),
    );
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
  return { lanes, work, started, end, open, closed, settle };
}

it('as many at a time as there may be sessions, in the order they come', async () => {
  const { work, started, end, open, settle } = await ground(3);
  const all = Promise.all([1, 2, 3, 4, 5].map(work));
  await settle();
  expect(started).toEqual([1, 2, 3]);
  expect(open).toHaveBeenCalledTimes(2);
  while (started.length < 5 || end.length > 0) {
    end.shift()?.();
    await settle();
  }
  expect(await all).toEqual([1, 2, 3, 4, 5]);
  expect(started).toEqual([1, 2, 3, 4, 5]);
  expect(open).toHaveBeenCalledTimes(2);
});

it('one at a time opens nothing, and a token that allows no more is worked with all the same', async () => {
  const { work, started, end, open, settle } = await ground(8, 2);
  const one = work(1);
  await settle();
  end.shift()?.();
  await one;
  expect(open).not.toHaveBeenCalled();
  const all = Promise.all([2, 3, 4].map(work));
  await settle();
  expect(started).toEqual([1, 2, 3]);
  expect(open).toHaveBeenCalledTimes(2);
  while (end.length > 0) {
    end.shift()?.();
    await settle();
  }
  expect(await all).toEqual([2, 3, 4]);
  expect(open).toHaveBeenCalledTimes(2);
});

it('narrowed, the first goes on alone and the others are closed', async () => {
  const { lanes, work, started, end, open, closed, settle } = await ground(3);
  const all = Promise.all([1, 2, 3, 4].map(work));
  await settle();
  await lanes.narrow();
  expect(closed).toEqual(['further', 'further']);
  while (end.length > 0) {
    end.pop()?.();
    await settle();
  }
  expect(await all).toEqual([1, 2, 3, 4]);
  expect(started).toEqual([1, 2, 3, 4]);
  expect(open).toHaveBeenCalledTimes(2);
  expect(closed).toHaveLength(2);
});
