import fc from 'fast-check';
import pkcs11js from 'pkcs11js';
import { describe, expect, it, vi } from 'vitest';
import type { Cryptoki } from '../../src/pkcs11/cryptoki.js';
import { openSigningPool, type SigningPool } from '../../src/pkcs11/signing/pool.js';
import { openSession } from '../../src/pkcs11/session.js';
import { findToken, tokensOf } from '../../src/pkcs11/slots.js';
import { ckr, fakeCryptoki, guardInMemory, handleOf, keyFunctions } from './fake-cryptoki.js';

const algorithm = { scheme: 'rsa-pkcs1', digest: 'sha256' } as const;
const selector = { by: 'id', id: new Uint8Array([1]) } as const;

/**
 * A token that logs in by process, as PKCS#11 has it, and answers a signature with what was to be signed, one turn of the event loop later.
 */
function site(trouble: (signature: number) => string | undefined = () => undefined, replaced: Partial<Cryptoki> = {}) {
  const open = new Set<string>();
  const started: string[] = [];
  const events: string[] = [];
  let loggedIn = false;
  let sessions = 0;
  let signatures = 0;
  let inside = 0;
  const seen = { mostAtOnce: 0, mostOpen: 0 };
  const C_Login = vi.fn(() => {
    loggedIn = true;
  });
  const cryptoki = fakeCryptoki({
    ...keyFunctions(),
    C_GetMechanismList: () => [pkcs11js.CKM_SHA256_RSA_PKCS],
    C_OpenSession: () => {
      const handle = handleOf(++sessions);
      open.add(handle.toString('hex'));
      seen.mostOpen = Math.max(seen.mostOpen, open.size);
      events.push('open');
      return handle;
    },
    C_CloseSession: (session) => {
      open.delete(session.toString('hex'));
      if (open.size === 0) loggedIn = false;
      events.push('close');
    },
    C_GetSessionInfo: () => ({ state: loggedIn ? 1 : 0 }),
    C_Login,
    C_SignInit: () => undefined,
    C_SignAsync: async (_, input) => {
      started.push(input.toString());
      const failure = trouble(++signatures);
      seen.mostAtOnce = Math.max(seen.mostAtOnce, ++inside);
      await new Promise(setImmediate);
      inside -= 1;
      if (failure !== undefined) throw ckr(failure);
      return input;
    },
    ...replaced,
  });
  const pins = guardInMemory();
  const release = vi.fn();
  const openToken = vi.fn(() => {
    const found = findToken(tokensOf(cryptoki, '/m.so'), { by: 'label', label: 'HSM' }, '/m.so');
    const means = {
      source: { from: 'environment' as const, variable: 'PIN' },
      pins,
      force: false,
      anew: false,
      env: { PIN: '1234' },
      reader: { uid: 0, gid: 0 },
      clock: () => new Date(0),
    };
    return Promise.resolve(openSession({ cryptoki, found, module: '/m.so', access: 'read', means, release }));
  });
  return { open, started, events, seen, C_Login, openToken, release, pins };
}

const signAll = (pool: SigningPool, count: number) =>
  Promise.allSettled(
    Array.from({ length: count }, async (_, n) => Buffer.from(await pool.sign(algorithm, Buffer.from(String(n)))).toString()),
  );
const all = (count: number) => Array.from({ length: count }, (_, n) => ({ status: 'fulfilled', value: String(n) }));

describe('a pool of signing sessions', () => {
  it('opens sessions as work comes, and never more than it may', async () => {
    const { openToken, seen, open } = site();
    const pool = await openSigningPool(openToken, selector, 3);
    expect(pool.key.id).toEqual(new Uint8Array([1]));
    for (let n = 0; n < 3; n++) await signAll(pool, 1);
    expect(openToken).toHaveBeenCalledTimes(1);
    expect(await signAll(pool, 50)).toEqual(all(50));
    expect(seen).toEqual({ mostAtOnce: 3, mostOpen: 3 });
    await pool.close();
    expect(open.size).toBe(0);
  });

  it('takes the work in the order it comes, and logs in once for all', async () => {
    const { openToken, started, C_Login, release } = site();
    const pool = await openSigningPool(openToken, selector, 4);
    await signAll(pool, 40);
    expect(started).toEqual(Array.from({ length: 40 }, (_, n) => String(n)));
    expect(C_Login).toHaveBeenCalledTimes(1);
    await pool.close();
    expect(release).toHaveBeenCalledTimes(4);
  });

  it('goes on with as many sessions as the token allows', async () => {
    let opened = 0;
    const { openToken, seen } = site(undefined, {
      C_OpenSession: () => {
        if (opened === 2) throw ckr('CKR_SESSION_COUNT');
        return handleOf(++opened);
      },
    });
    const pool = await openSigningPool(openToken, selector, 8);
    expect(await signAll(pool, 30)).toEqual(all(30));
    expect(seen.mostAtOnce).toBe(2);
    expect(openToken).toHaveBeenCalledTimes(3);
  });

  it('answers what was asked for before it closes, and nothing after', async () => {
    const { openToken, open } = site();
    const pool = await openSigningPool(openToken, selector, 2);
    const asked = signAll(pool, 20);
    await pool.close();
    expect(await asked).toEqual(all(20));
    expect(open.size).toBe(0);
    await expect(pool.sign(algorithm, Buffer.from('late'))).rejects.toMatchObject({ code: 'SESSION_LOST' });
  });

  it('closes the session whose key it cannot find', async () => {
    const { openToken, open } = site(undefined, { C_FindObjects: () => [] });
    await expect(openSigningPool(openToken, selector, 2)).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    expect(open.size).toBe(0);
  });

  it("passes on what is the key's own fault, and goes on", async () => {
    const { openToken } = site((n) => (n === 2 ? 'CKR_KEY_FUNCTION_NOT_PERMITTED' : undefined));
    const pool = await openSigningPool(openToken, selector, 1);
    const answers = await signAll(pool, 3);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(answers[1]).toMatchObject({ reason: { code: 'KEY_UNUSABLE' } });
    expect(openToken).toHaveBeenCalledTimes(1);
  });
});

describe('a pool whose sessions die', () => {
  it.each([
    'CKR_SESSION_HANDLE_INVALID',
    'CKR_DEVICE_REMOVED',
    'CKR_TOKEN_NOT_PRESENT',
    'CKR_CRYPTOKI_NOT_INITIALIZED',
    'CKR_SESSION_CLOSED',
    'CKR_USER_NOT_LOGGED_IN',
    'CKR_DEVICE_ERROR',
  ])('with %s loses no signature', async (answer) => {
    const { openToken, events, C_Login, open } = site((n) => (n >= 20 && n < 23 ? answer : undefined));
    const pool = await openSigningPool(openToken, selector, 3);
    expect(await signAll(pool, 60)).toEqual(all(60));
    // Each generation of sessions is gone before the next begins, so that the module can be initialised afresh.
    expect(events.join(' ')).toBe('open open open close close close open open open');
    expect(C_Login).toHaveBeenCalledTimes(2);
    await pool.close();
    expect(open.size).toBe(0);
  });

  it('gives up after one fresh attempt, with a sentence, and tries anew when it is asked again', async () => {
    let broken = true;
    const { openToken } = site((n) => (broken && n > 5 ? 'CKR_DEVICE_REMOVED' : undefined));
    const pool = await openSigningPool(openToken, selector, 2);
    const answers = await signAll(pool, 40);
    expect(answers.slice(0, 5)).toEqual(all(5));
    const reasons = answers
      .slice(5)
      .map((answer) => (answer.status === 'rejected' ? (answer.reason as Error & { code: string }) : undefined));
    expect(reasons.every((reason) => reason?.code === 'TOKEN_NOT_FOUND')).toBe(true);
    expect(reasons[0]?.message).toMatch(
      /CKR_DEVICE_REMOVED: the token was removed; plug it in again\. It was tried again through a new session, too\.$/u,
    );
    expect(reasons.at(-1)?.message).toMatch(
      /^The sessions on the token were lost in the middle of the work, and a new one did not help: .*CKR_DEVICE_REMOVED/u,
    );
    broken = false;
    expect(await signAll(pool, 10)).toEqual(all(10));
  });

  it('answers everybody where no new session can be opened', async () => {
    let gone = false;
    const { openToken } = site(
      (n) => {
        gone = n >= 4;
        return gone ? 'CKR_DEVICE_REMOVED' : undefined;
      },
      { C_GetSlotList: () => (gone ? [] : [handleOf(7)]) },
    );
    const pool = await openSigningPool(openToken, selector, 2);
    const answers = await signAll(pool, 12);
    expect(answers.filter(({ status }) => status === 'rejected')).toHaveLength(9);
    expect(answers.at(-1)).toMatchObject({
      reason: { code: 'TOKEN_NOT_FOUND', message: expect.stringMatching(/There is no token with the label 'HSM'/u) as string },
    });
    gone = false;
    await pool.close();
  });

  it('spends one attempt on a PIN that was changed meanwhile', async () => {
    let changed = false;
    const C_Login = vi.fn(() => {
      if (changed) throw ckr('CKR_PIN_INCORRECT');
    });
    const { openToken } = site(
      (n) => {
        changed ||= n === 3;
        return n === 3 ? 'CKR_SESSION_HANDLE_INVALID' : undefined;
      },
      { C_Login, C_GetSessionInfo: () => ({ state: C_Login.mock.calls.length > 0 && !changed ? 1 : 0 }) },
    );
    const pool = await openSigningPool(openToken, selector, 1);
    const answers = await signAll(pool, 6);
    expect(answers.slice(2)).toMatchObject(Array(4).fill({ status: 'rejected', reason: { code: 'PIN_INCORRECT' } }));
    await expect(pool.sign(algorithm, Buffer.from('x'))).rejects.toMatchObject({ code: 'PIN_KNOWN_BAD' });
    expect(C_Login).toHaveBeenCalledTimes(2);
  });

  it('settles every signature, with its own answer, whatever fails when', async () => {
    const failures = fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.constant(undefined) },
        fc.constantFrom('CKR_SESSION_HANDLE_INVALID', 'CKR_DEVICE_REMOVED', 'CKR_DEVICE_ERROR', 'CKR_KEY_FUNCTION_NOT_PERMITTED'),
      ),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(
        failures,
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        async (schedule, rounds, sessions) => {
          const { openToken, open, release } = site((n) => schedule[n - 1]);
          const pool = await openSigningPool(openToken, selector, sessions);
          for (const count of rounds) {
            const answers = await signAll(pool, count);
            for (const [n, answer] of answers.entries()) if (answer.status === 'fulfilled') expect(answer.value).toBe(String(n));
          }
          await pool.close();
          expect(open.size).toBe(0);
          expect(release).toHaveBeenCalledTimes(openToken.mock.calls.length);
        },
      ),
    );
  });
});
