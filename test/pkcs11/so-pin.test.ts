import pkcs11js from 'pkcs11js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { withSoPin } from '../../src/pkcs11/pin/so-pin.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { fakeCryptoki, handleOf, guardInMemory } from './fake-cryptoki.js';

let directory: PrivateDirectory;
beforeAll(() => {
  directory = privateDirectory();
});
afterAll(() => {
  directory.remove();
});

/** SoftHSM has no such flags. */
async function used(flags: number, force = false): Promise<string[]> {
  const file = path.join(directory.path, 'so.pin');
  writeFileSync(file, 'so-pin-5678\n', { mode: 0o600 });
  const pins: string[] = [];
  await withSoPin(
    { cryptoki: fakeCryptoki({}, flags), slot: handleOf(7), label: 'HSM', guardKey: 'm' },
    {
      source: { from: 'file', path: file },
      pins: guardInMemory(),
      force,
      anew: false,
      env: {},
      reader: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
      clock: () => new Date(),
    },
    (pin) => void pins.push(pin),
  );
  return pins;
}

test("the security officer's last attempt is spent by force alone, and the way there is not that of the user's PIN", async () => {
  expect(await used(0)).toEqual(['so-pin-5678']);
  const last = used(pkcs11js.CKF_SO_PIN_FINAL_TRY);
  await expect(last).rejects.toMatchObject({
    code: 'PIN_FINAL_TRY',
    message: expect.stringMatching(/^The security officer has one attempt left on token 'HSM' .* with --force/u) as string,
  });
  await expect(last).rejects.not.toThrow(/token check/u);
  expect(await used(pkcs11js.CKF_SO_PIN_FINAL_TRY, true)).toEqual(['so-pin-5678']);
  await expect(used(pkcs11js.CKF_SO_PIN_LOCKED, true)).rejects.toMatchObject({ code: 'PIN_LOCKED' });
});

test('a PIN pad is no question of renewals while there is no token yet', async () => {
  await expect(used(pkcs11js.CKF_PROTECTED_AUTHENTICATION_PATH)).rejects.toMatchObject({
    code: 'PIN_SOURCE_INVALID',
    message: expect.stringMatching(/typed on the device itself; initialise it with the vendor's tool/u) as string,
  });
});
