import { createPublicKey, verify } from 'node:crypto';
import { renameSync } from 'node:fs';
import pkcs11js from 'pkcs11js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openToken } from '../../src/pkcs11/open-token.js';
import { openSigningPool, type SigningPool } from '../../src/pkcs11/signing/pool.js';
import type { Token } from '../../src/pkcs11/token.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { generateRsaKey, withSession } from '../rig/token-objects.js';
import { guardInMemory } from './fake-cryptoki.js';

let directory: PrivateDirectory;
let soft: SoftToken;
let spki: Uint8Array;

beforeAll(async () => {
  directory = privateDirectory();
  soft = await createSoftToken({ directory: directory.path });
  await withSession(soft, (session) => {
    spki = generateRsaKey(session, { bits: 2048, label: 'ca' }).spki;
  });
});

afterAll(() => {
  directory.remove();
});

const algorithm = { scheme: 'rsa-pkcs1', digest: 'sha256' } as const;
const pins = guardInMemory();
const open = (): Promise<Token> =>
  openToken(
    {
      selector: { by: 'label', label: soft.label },
      module: soft.module,
      environment: soft.environment,
      pin: { from: 'file', path: soft.pinFile },
    },
    { pins },
  );

/** `count` signatures asked for at once, each verified; `after` is told as each is made. */
async function signAndVerify(pool: SigningPool, count: number, after: (made: number) => void = () => undefined): Promise<boolean[]> {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  let made = 0;
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const data = Buffer.from(`message ${String(n)}`);
      const signature = await pool.sign(algorithm, data);
      after(++made);
      return verify('sha256', data, key, signature);
    }),
  );
}

/** A module initialised by somebody else in this process. */
function stranger(): pkcs11js.PKCS11 {
  const pkcs11 = new pkcs11js.PKCS11();
  pkcs11.load(soft.module);
  return pkcs11;
}

describe('a pool on a real token', () => {
  it('signs through several sessions at once', async () => {
    const counted = vi.fn(open);
    const pool = await openSigningPool(counted, { by: 'label', label: 'ca' }, 4);
    expect((await signAndVerify(pool, 100)).every(Boolean)).toBe(true);
    expect(counted).toHaveBeenCalledTimes(4);
    await pool.close();
  });

  it('loses nothing when the token goes away and comes back in the middle', async () => {
    const away = `${soft.tokenDirectory}.away`;
    let gone = false;
    const again = vi.fn(() => {
      // Comes back while it is being looked for.
      if (gone)
        setTimeout(() => {
          renameSync(away, soft.tokenDirectory);
          gone = false;
        }, 200);
      return open();
    });
    const pool = await openSigningPool(again, { by: 'label', label: 'ca' }, 4);
    const good = await signAndVerify(pool, 200, (made) => {
      if (made !== 60) return;
      renameSync(soft.tokenDirectory, away);
      gone = true;
    });
    expect(good).toEqual(Array(200).fill(true));
    expect(gone).toBe(false);
    expect(again.mock.calls.length).toBeGreaterThan(4);
    await pool.close();
  });

  it('loses nothing when another part of the process finalises the module', async () => {
    const bystander = await open();
    const pool = await openSigningPool(open, { by: 'public-key', spki }, 3);
    expect(await signAndVerify(pool, 30)).toEqual(Array(30).fill(true));
    // Between two signatures: with one under way it is undefined what becomes of it (PKCS#11 2.40 §5.4), and SoftHSM takes the process
    // along.
    stranger().C_Finalize();
    expect(await signAndVerify(pool, 70)).toEqual(Array(70).fill(true));
    await pool.close();
    await expect(bystander.keys()).rejects.toMatchObject({ code: 'SESSION_LOST' });
    await bystander.close();
  });

  it('says so when the token does not come back', async () => {
    const away = `${soft.tokenDirectory}.away`;
    const pool = await openSigningPool(open, { by: 'label', label: 'ca' }, 2);
    renameSync(soft.tokenDirectory, away);
    const answers = await Promise.allSettled(Array.from({ length: 5 }, () => pool.sign(algorithm, Buffer.from('x'))));
    renameSync(away, soft.tokenDirectory);
    for (const answer of answers)
      expect(answer).toMatchObject({
        status: 'rejected',
        reason: {
          code: 'MODULE_FAILED',
          message: expect.stringMatching(/^The sessions on the token were lost .*Initialising the PKCS#11 module/u) as string,
        },
      });
    expect(await signAndVerify(pool, 3)).toEqual([true, true, true]);
    await pool.close();
  });
});
