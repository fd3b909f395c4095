import { expect, it } from 'vitest';
import type { Certmonger } from '../../dbus/certmonger.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import { moveOf, untilIdle, wakeRequests } from '../../src/tracking/waiting-for-pin.js';

it.each([
  ['NEED_CSR_GEN_PIN', 'resubmit'],
  ['NEED_KEYINFO_READ_PIN', 'resubmit'],
  ['NEED_CERTSAVE_PIN', 'resubmit'],
  ['NEWLY_ADDED_NEED_KEYINFO_READ_PIN', 'unread'],
  ['CA_WORKING', 'refresh'],
  ['CA_UNREACHABLE', 'refresh'],
  // A key would be made: nobody sets that going.
  ['NEED_KEY_GEN_PIN', undefined],
  ['NEED_CSR_GEN_TOKEN', undefined],
  // It saves again by itself.
  ['NEED_TO_NOTIFY_ISSUED_SAVE_FAILED', undefined],
  ['MONITORING', undefined],
])('a request in %s is set going by: %s', (status, move) => {
  expect(moveOf({ status })).toBe(move);
});

it('waits for a child of certmonger that has read the PIN, and gives up on one that does not end', async () => {
  const states = ['GENERATING_CSR', 'GENERATING_CSR', 'NEED_TO_SUBMIT'];
  await untilIdle(
    () =>
      Promise.resolve([
        { nickname: 'a', status: 'MONITORING' },
        { nickname: 'b', status: states.shift() ?? '' },
      ]),
    'tok',
  );
  expect(states).toEqual([]);
  await expect(untilIdle(() => Promise.resolve([{ nickname: 'b', status: 'SAVING_CERT' }]), 'tok', 0)).rejects.toMatchObject({
    code: 'STATE_BUSY',
    message: expect.stringContaining("for 'b' (SAVING_CERT)") as string,
  });
});

it('begins none anew whose key certmonger has never read: it would make one where it finds none', async () => {
  const touched: string[] = [];
  const certmonger = {
    request: (id: string) =>
      new Proxy(
        {},
        {
          get: (_target, member) => () => {
            touched.push(`${id} ${String(member)}`);
            return Promise.resolve(true);
          },
        },
      ),
  } as unknown as Pick<Certmonger, 'request'>;
  const request = {
    nickname: 'a',
    status: 'NEWLY_ADDED_NEED_KEYINFO_READ_PIN',
    key: { pinFile: '/p' },
    certificateStorage: {},
  } as unknown as TrackingRequest;
  const { woken, troubles } = await wakeRequests(certmonger, [request]);
  expect(woken).toEqual([]);
  expect(troubles).toEqual([expect.stringMatching(/'a' still waits in NEWLY_ADDED_NEED_KEYINFO_READ_PIN: .*track start/u)]);
  expect(touched).toEqual([]);
});
