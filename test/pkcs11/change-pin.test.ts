import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { changePin } from '../../src/pkcs11/pin/change-pin.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ckr, fakeCryptoki, guardInMemory, handleOf } from './fake-cryptoki.js';

let scratch: PrivateDirectory;
let next: string;
beforeAll(() => {
  scratch = privateDirectory();
  next = path.join(scratch.path, 'next');
  writeFileSync(next, 'new-pin\n', { mode: 0o600 });
});
afterAll(() => {
  scratch.remove();
});

async function changing(setPin: (old: string, fresh: string) => void, mayGoOn = () => undefined): Promise<void> {
  const site = {
    cryptoki: fakeCryptoki({
      C_SetPIN: (_session, old, fresh) => {
        setPin(old, fresh);
      },
    }),
    slot: handleOf(7),
    session: handleOf(1),
    label: 'HSM',
    guardKey: 'k',
  };
  const means = {
    source: { from: 'environment', variable: 'PIN' } as const,
    pins: guardInMemory(),
    force: false,
    anew: false,
    env: { PIN: 'old-pin' },
    reader: { uid: 0, gid: 0 },
    clock: () => new Date(),
  };
  await changePin(site, means, { from: 'file', path: next }, mayGoOn);
}

it('the token is given both PINs', async () => {
  const seen: string[] = [];
  await changing((old, fresh) => {
    seen.push(old, fresh);
  });
  expect(seen).toEqual(['old-pin', 'new-pin']);
});

it.each(['CKR_PIN_LEN_RANGE', 'CKR_PIN_INVALID', 'CKR_TOKEN_WRITE_PROTECTED', 'CKR_FUNCTION_NOT_SUPPORTED'])(
  'after %s the old PIN is in force',
  async (answer) => {
    await expect(
      changing(() => {
        throw ckr(answer);
      }),
    ).rejects.toMatchObject({
      code: 'PIN_NOT_CHANGED',
      message: expect.stringContaining(`Token 'HSM' did not take the new PIN (${answer})`) as string,
    });
  },
);

it.each([['CKR_DEVICE_ERROR'], ['CKR_GENERAL_ERROR'], ['CKR_DEVICE_REMOVED']])('after %s either may be', async (answer) => {
  await expect(
    changing(() => {
      throw ckr(answer);
    }),
  ).rejects.toMatchObject({ code: expect.not.stringMatching(/^PIN_NOT_CHANGED$/u) as string });
});

it('who must not go on changes nothing', async () => {
  let called = false;
  await expect(
    changing(
      () => {
        called = true;
      },
      () => {
        throw new Error('gone');
      },
    ),
  ).rejects.toThrow('gone');
  expect(called).toBe(false);
});
