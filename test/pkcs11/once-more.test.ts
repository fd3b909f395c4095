import { beforeAll, describe, expect, it } from 'vitest';
import { HsmongerError, type ErrorCode } from '../../src/errors.js';
import { openSigningOnceMore } from '../../src/pkcs11/signing/once-more.js';
import type { Token } from '../../src/pkcs11/token.js';
import { fakeToken } from '../issuer/fake-token.js';
import { makeKeys, type Keys } from '../x509/material.js';

const algorithm = { scheme: 'ecdsa', digest: 'sha256' } as const;
const data = Uint8Array.of(1, 2, 3);
let keys: Keys;
beforeAll(async () => {
  keys = await makeKeys('p256');
});

/** Each opening gives a session that knows only keys it has found, and whose signatures fail as said. */
function ground(...failures: (ErrorCode | undefined)[]) {
  const events: string[] = [];
  let sessions = 0;
  const open = (): Promise<Token> => {
    const failure = failures[sessions++];
    const name = String(sessions);
    events.push(`open ${name}`);
    const own = new WeakSet();
    const plain = fakeToken([], [keys]);
    return Promise.resolve({
      ...plain,
      findKey: async (selector) => {
        const key = await plain.findKey(selector);
        own.add(key);
        return key;
      },
      sign: (key, ...asked) => {
        events.push(`sign ${name}`);
        if (!own.has(key)) return Promise.reject(new HsmongerError('KEY_UNUSABLE', 'Found through another session.'));
        return failure === undefined ? plain.sign(key, ...asked) : Promise.reject(new HsmongerError(failure, 'It failed.'));
      },
      close: () => {
        events.push(`close ${name}`);
        return Promise.resolve();
      },
    });
  };
  return { open, events };
}
const find = (token: Token) => token.findKey({ by: 'public-key', spki: keys.spki });

describe('a signature whose session is lost', () => {
  it.each(['SESSION_LOST', 'TOKEN_NOT_FOUND', 'TOKEN_FAILED'] as const)(
    '%s: is made through a new one, as is what follows',
    async (code) => {
      const { open, events } = ground(code);
      const token = await openSigningOnceMore(open);
      const key = await find(token);
      expect(await token.sign(key, algorithm, data)).toBeInstanceOf(Uint8Array);
      expect(await token.sign(key, algorithm, data)).toBeInstanceOf(Uint8Array);
      expect(await token.sign(await find(token), algorithm, data)).toBeInstanceOf(Uint8Array);
      await token.close();
      expect(events).toEqual(['open 1', 'sign 1', 'close 1', 'open 2', 'sign 2', 'sign 2', 'sign 2', 'close 2']);
    },
  );

  it('is given up where the next one is lost too', async () => {
    const { open, events } = ground('SESSION_LOST', 'TOKEN_FAILED');
    const token = await openSigningOnceMore(open);
    await expect(find(token).then((key) => token.sign(key, algorithm, data))).rejects.toMatchObject({
      code: 'TOKEN_FAILED',
      message: 'It failed. It was tried again through a new session, too.',
    });
    expect(events.filter((event) => event.startsWith('open'))).toHaveLength(2);
  });

  it('is not made again where another session would say the same, nor once it is closed', async () => {
    for (const code of ['KEY_UNUSABLE', 'PIN_INCORRECT', 'MECHANISM_UNSUPPORTED'] as const) {
      const { open, events } = ground(code);
      const token = await openSigningOnceMore(open);
      await expect(find(token).then((key) => token.sign(key, algorithm, data))).rejects.toMatchObject({ code, message: 'It failed.' });
      expect(events).toEqual(['open 1', 'sign 1']);
    }
    const { open, events } = ground('SESSION_LOST');
    const token = await openSigningOnceMore(open);
    const key = await find(token);
    await token.close();
    await expect(token.sign(key, algorithm, data)).rejects.toMatchObject({ code: 'SESSION_LOST' });
    expect(events).toEqual(['open 1', 'close 1', 'sign 1']);
  });
});
