import pkcs11js from 'pkcs11js';
import { describe, expect, it, vi } from 'vitest';
import { tokenFailure } from '../../src/pkcs11/ckr.js';
import type { TokenSelector } from '../../src/config/instance.js';
import type { Cryptoki } from '../../src/pkcs11/cryptoki.js';
import { openSession } from '../../src/pkcs11/session.js';
import { findToken, tokensOf } from '../../src/pkcs11/slots.js';
import type { PinFailure } from '../../src/pkcs11/token.js';
import { proveKeys } from '../../src/service/tasks/token/check-keys.js';
import { ckr, fakeCryptoki, guardInMemory, handleOf, keyFunctions } from './fake-cryptoki.js';

const source = 'environment:31323334'; // the fake guard's tag of 1234

interface Means {
  readonly flags?: number;
  readonly force?: boolean;
  readonly failure?: Pick<PinFailure, 'outcome' | 'attempts'>;
  readonly access?: 'write';
}

function tokenWith(functions: Partial<Cryptoki>, { flags = 0, force = false, failure, access }: Means = {}) {
  const cryptoki = fakeCryptoki(functions, flags);
  const pins = guardInMemory(failure === undefined ? undefined : new Map([[source, { source, at: new Date(0), ...failure }]]));
  const found = findToken(tokensOf(cryptoki, '/m.so'), { by: 'label', label: 'HSM' }, '/m.so');
  const means = {
    source: { from: 'environment' as const, variable: 'PIN' },
    pins,
    force,
    anew: false,
    env: { PIN: '1234' },
    reader: { uid: 0, gid: 0 },
    clock: () => new Date('2026-01-02T03:04:05Z'),
  };
  const release = vi.fn();
  const token = openSession({ cryptoki, found, module: '/m.so', access: access ?? 'read', means, release });
  return { token, rows: pins.rows, release };
}

describe('a login on a token in trouble', () => {
  const login = () => vi.fn<Cryptoki['C_Login']>();

  it.each([
    ['locked', pkcs11js.CKF_USER_PIN_LOCKED | pkcs11js.CKF_USER_PIN_FINAL_TRY, true, 'PIN_LOCKED'],
    ['on its final try', pkcs11js.CKF_USER_PIN_FINAL_TRY | pkcs11js.CKF_USER_PIN_COUNT_LOW, false, 'PIN_FINAL_TRY'],
    ['that wants the PIN on its own keypad', pkcs11js.CKF_PROTECTED_AUTHENTICATION_PATH, false, 'PIN_SOURCE_INVALID'],
  ])('is not tried on one %s', async (_, flags, force, code) => {
    const C_Login = login();
    const { token, rows } = tokenWith({ C_Login }, { flags, force });
    await expect(token.login()).rejects.toMatchObject({ code });
    expect(C_Login).not.toHaveBeenCalled();
    expect(rows.size).toBe(0);
  });

  it('is tried once on the final try by force, and the PIN goes to C_Login alone', async () => {
    const C_Login = login();
    const { token } = tokenWith({ C_Login }, { flags: pkcs11js.CKF_USER_PIN_FINAL_TRY, force: true });
    await token.login();
    expect(C_Login.mock.calls).toEqual([[handleOf(1), pkcs11js.CKU_USER, '1234']]);
  });

  it.each(['CKR_PIN_INCORRECT', 'CKR_PIN_INVALID', 'CKR_PIN_LEN_RANGE', 'CKR_PIN_EXPIRED', 'CKR_PIN_LOCKED'])(
    'costs one attempt when it ends with %s, asked twice',
    async (answer) => {
      const C_Login = login().mockImplementation(() => {
        throw ckr(answer);
      });
      const { token, rows } = tokenWith({ C_Login });
      await expect(token.login()).rejects.toMatchObject({ code: answer === 'CKR_PIN_LOCKED' ? 'PIN_LOCKED' : 'PIN_INCORRECT' });
      await expect(token.keys()).rejects.toMatchObject({ code: 'PIN_KNOWN_BAD' });
      expect(C_Login).toHaveBeenCalledTimes(1);
      expect(rows.get(source)?.outcome).toBe('failed');
    },
  );

  it.each(['CKR_DEVICE_REMOVED', 'CKR_TOKEN_NOT_PRESENT', 'CKR_DEVICE_ERROR', 'CKR_GENERAL_ERROR', 'CKR_SESSION_HANDLE_INVALID'])(
    'does not hold %s against the PIN',
    async (answer) => {
      const { token, rows } = tokenWith({
        C_Login: () => {
          throw ckr(answer);
        },
      });
      await expect(token.login()).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:TOKEN_NOT_FOUND|TOKEN_FAILED|SESSION_LOST)$/u) as string,
      });
      expect(rows.size).toBe(0);
    },
  );

  it('has no second chance after a vague failure that left the count low', async () => {
    const C_Login = login().mockImplementation(() => {
      throw ckr('CKR_FUNCTION_FAILED');
    });
    const { token } = tokenWith({ C_Login }, { flags: pkcs11js.CKF_USER_PIN_COUNT_LOW });
    await expect(token.login()).rejects.toMatchObject({ code: 'TOKEN_FAILED' });
    await expect(token.login()).rejects.toMatchObject({ code: 'PIN_KNOWN_BAD' });
    expect(C_Login).toHaveBeenCalledTimes(1);
  });

  it('is written down as unknown before it is tried, and forgotten when it succeeds', async () => {
    const seen: unknown[] = [];
    const parts: ReturnType<typeof tokenWith> = tokenWith(
      {
        C_Login: () => {
          seen.push(parts.rows.get(source)?.outcome);
        },
      },
      { failure: { outcome: 'unknown', attempts: 1 } },
    );
    await parts.token.login();
    expect(seen).toEqual(['unknown']);
    expect(parts.rows.size).toBe(0);
  });

  it('goes on when this process is logged in already, and takes that for no proof of the PIN', async () => {
    const { token, rows } = tokenWith(
      {
        C_Login: () => {
          throw ckr('CKR_USER_ALREADY_LOGGED_IN');
        },
      },
      { failure: { outcome: 'unknown', attempts: 1 } },
    );
    await token.login();
    expect(rows.get(source)).toMatchObject({ outcome: 'unknown', attempts: 1 });
  });

  it('is not made at all when the session says it is logged in, or the token wants none', async () => {
    const C_Login = login();
    await tokenWith({ C_Login, C_GetSessionInfo: () => ({ state: 1 }) }).token.login();
    const C_GetTokenInfo = () => ({ label: 'HSM', manufacturerID: '', model: '', serialNumber: '', flags: pkcs11js.CKF_TOKEN_INITIALIZED });
    await tokenWith({ C_Login, C_GetTokenInfo }).token.login();
    expect(C_Login).not.toHaveBeenCalled();
  });
});

const algorithm = { scheme: 'rsa-pkcs1', digest: 'sha256' } as const;
const data = Buffer.from('data');

describe('a signature on a token in trouble', () => {
  const sign = async (functions: Partial<Cryptoki>, more = {}) => {
    const { token } = tokenWith({
      ...keyFunctions(more),
      C_GetMechanismList: () => [pkcs11js.CKM_SHA256_RSA_PKCS, pkcs11js.CKM_RSA_PKCS],
      ...functions,
    });
    return token.sign(await token.findKey({ by: 'id', id: new Uint8Array([1]) }), algorithm, data);
  };

  it('is asked for again with more room, without a second C_SignInit', async () => {
    const C_SignInit = vi.fn();
    const rooms: number[] = [];
    const C_SignAsync: Cryptoki['C_SignAsync'] = (_, __, room) => {
      rooms.push(room.length);
      return rooms.length === 1 ? Promise.reject(ckr('CKR_BUFFER_TOO_SMALL')) : Promise.resolve(Buffer.from('signature'));
    };
    expect(Buffer.from(await sign({ C_SignInit, C_SignAsync })).toString()).toBe('signature');
    expect(C_SignInit).toHaveBeenCalledTimes(1);
    expect(rooms[1]).toBeGreaterThan(rooms[0]!);
  });

  it('gives up on a module that never has room enough', async () => {
    await expect(sign({ C_SignInit: vi.fn(), C_SignAsync: () => Promise.reject(ckr('CKR_BUFFER_TOO_SMALL')) })).rejects.toMatchObject({
      code: 'TOKEN_FAILED',
    });
  });

  it.each([
    ['the token does not list hashing', { C_GetMechanismList: () => [pkcs11js.CKM_RSA_PKCS] }],
    [
      'the token hashes, but not for signing',
      {
        C_GetMechanismInfo: (_: Buffer, mechanism: number) => ({
          flags: mechanism === pkcs11js.CKM_RSA_PKCS ? pkcs11js.CKF_SIGN : pkcs11js.CKF_VERIFY,
        }),
      },
    ],
    ['the key refuses the listed mechanism', {}],
  ])('is made from our own digest when %s', async (_, functions) => {
    const C_SignInit = vi.fn<Cryptoki['C_SignInit']>((__, { mechanism }) => {
      if (mechanism === pkcs11js.CKM_SHA256_RSA_PKCS) throw ckr('CKR_MECHANISM_INVALID');
    });
    const inputs: string[] = [];
    await sign({
      C_SignInit,
      C_SignAsync: (__, input) => {
        inputs.push(input.toString('hex'));
        return Promise.resolve(input);
      },
      ...functions,
    });
    // DigestInfo of SHA-256("data"), from openssl.
    expect(inputs).toEqual(['3031300d0609608648016503040201050004203a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7']);
  });

  it('is refused with both mechanisms by name when the token has neither', async () => {
    await expect(sign({ C_GetMechanismList: () => [pkcs11js.CKM_AES_CBC] })).rejects.toMatchObject({
      code: 'MECHANISM_UNSUPPORTED',
      message: expect.stringMatching(/lists no CKM_SHA256_RSA_PKCS or CKM_RSA_PKCS for signing/u) as string,
    });
  });

  it('logs in once more, for the operation, with a key that always wants it', async () => {
    const steps: string[] = [];
    await sign(
      {
        C_Login: (_, type) => {
          steps.push(`login ${String(type)}`);
        },
        C_SignInit: () => {
          steps.push('init');
        },
        C_SignAsync: (_, input) => {
          steps.push('sign');
          return Promise.resolve(input);
        },
      },
      { alwaysAuthenticate: true },
    );
    expect(steps.slice(-3)).toEqual(['init', `login ${String(pkcs11js.CKU_CONTEXT_SPECIFIC)}`, 'sign']);
  });

  it.each([
    ['CKR_SESSION_HANDLE_INVALID', 'SESSION_LOST'],
    ['CKR_USER_NOT_LOGGED_IN', 'SESSION_LOST'],
    ['CKR_OPERATION_ACTIVE', 'SESSION_LOST'],
    ['CKR_DEVICE_REMOVED', 'TOKEN_NOT_FOUND'],
    ['CKR_TOKEN_NOT_PRESENT', 'TOKEN_NOT_FOUND'],
    ['CKR_KEY_FUNCTION_NOT_PERMITTED', 'KEY_UNUSABLE'],
  ])('that ends with %s is %s', async (answer, code) => {
    await expect(
      sign({
        C_SignInit: () => {
          throw ckr(answer);
        },
      }),
    ).rejects.toMatchObject({ code, message: expect.stringContaining(answer) as string });
  });

  it('waits for the one before it', async () => {
    let inside = 0;
    let most = 0;
    const { token } = tokenWith({
      ...keyFunctions(),
      C_GetMechanismList: () => [pkcs11js.CKM_SHA256_RSA_PKCS],
      C_SignInit: () => {
        most = Math.max(most, ++inside);
      },
      C_SignAsync: async (_, input) => {
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
        inside -= 1;
        return input;
      },
    });
    const key = await token.findKey({ by: 'id', id: new Uint8Array([1]) });
    await Promise.all(Array.from({ length: 5 }, () => token.sign(key, algorithm, data)));
    expect(most).toBe(1);
  });
});

describe('the mechanism a key was proven with', () => {
  it('is the one the token took, not the first it lists', async () => {
    const { token } = tokenWith({
      ...keyFunctions(),
      C_GetMechanismList: () => [pkcs11js.CKM_SHA256_RSA_PKCS, pkcs11js.CKM_RSA_PKCS],
      C_SignInit: (_session, { mechanism }) => {
        if (mechanism === pkcs11js.CKM_SHA256_RSA_PKCS) throw ckr('CKR_MECHANISM_INVALID');
      },
      C_SignAsync: () => Promise.resolve(Buffer.alloc(256)),
    });
    const [check] = await proveKeys(token, await token.keys());
    expect(check).toMatchObject({ mechanism: 'CKM_RSA_PKCS' });
  });
});

describe('a session in trouble', () => {
  it('ends its searches even when they fail, and names the failure', async () => {
    const C_FindObjectsFinal = vi.fn();
    // C_FindObjects throws the native error as it is, unlike all other calls of pkcs11js.
    const { token } = tokenWith({
      C_FindObjects: () => {
        throw new Error('CKR_DEVICE_REMOVED:50');
      },
      C_FindObjectsFinal,
    });
    await expect(token.certificates()).rejects.toMatchObject({ code: 'TOKEN_NOT_FOUND' });
    expect(C_FindObjectsFinal).toHaveBeenCalledTimes(1);
  });

  it('destroys nothing whose value is not the certificate octet for octet, whatever the search says', async () => {
    const C_DestroyObject = vi.fn();
    const values = new Map([
      [9, Buffer.from('the certificate')],
      [10, Buffer.from('the certificate, longer')],
    ]);
    let batches: Buffer[][] = [];
    const { token } = tokenWith(
      {
        C_FindObjectsInit: () => {
          batches = [[handleOf(10), handleOf(9)]];
        },
        C_FindObjects: () => batches.pop() ?? [],
        C_GetAttributeValue: (_, object, [attribute]) => [{ type: attribute!.type, value: values.get(object[0]!) }],
        C_DestroyObject,
      },
      { access: 'write' },
    );
    expect(await token.destroyCertificates(Buffer.from('the certificate'))).toBe(1);
    expect(C_DestroyObject.mock.calls).toEqual([[handleOf(1), handleOf(9)]]);
  });

  it('closes once, though the device is gone, and answers SESSION_LOST afterwards', async () => {
    const { token, release } = tokenWith({
      C_CloseSession: () => {
        throw ckr('CKR_DEVICE_REMOVED');
      },
    });
    await token.close();
    await token.close();
    expect(release).toHaveBeenCalledTimes(1);
    await expect(token.certificates()).rejects.toMatchObject({ code: 'SESSION_LOST' });
  });

  it('does not see a slot that loses its token while it is asked', () => {
    const cryptoki = fakeCryptoki({
      C_GetTokenInfo: () => {
        throw ckr('CKR_TOKEN_NOT_PRESENT');
      },
    });
    expect(() => findToken(tokensOf(cryptoki, '/m.so'), { by: 'slot', slotId: 7 }, '/m.so')).toThrow(
      expect.objectContaining({ code: 'TOKEN_NOT_FOUND' }) as Error,
    );
  });

  describe('beside a slot in trouble', () => {
    const named = (label: string) => ({ label, manufacturerID: '', model: '', serialNumber: '', flags: pkcs11js.CKF_TOKEN_INITIALIZED });
    const cryptoki = fakeCryptoki({
      C_GetSlotList: () => [handleOf(5), handleOf(7)],
      C_GetTokenInfo: (slot) => {
        if (slot.equals(handleOf(5))) throw ckr('CKR_DEVICE_ERROR');
        return named('HSM');
      },
    });
    const find = (selector: TokenSelector) => findToken(tokensOf(cryptoki, '/m.so'), selector, '/m.so').description.label;

    it.each<TokenSelector>([
      { by: 'label', label: 'HSM' },
      { by: 'slot', slotId: 7 },
      { by: 'slot-index', index: 1 },
    ])('is found: %o', (selector) => {
      expect(find(selector)).toBe('HSM');
    });

    it.each<TokenSelector>([
      { by: 'label', label: 'other' },
      { by: 'slot', slotId: 5 },
      { by: 'slot-index', index: 0 },
    ])("is not found, and the slot's failure told: %o", (selector) => {
      expect(() => find(selector)).toThrow(
        expect.objectContaining({ code: 'TOKEN_FAILED', message: expect.stringMatching(/slot 5 .*CKR_DEVICE_ERROR/u) as string }) as Error,
      );
    });
  });

  it("names a vendor's return value by its number", () => {
    expect(tokenFailure(new Error('CKR_VENDOR_DEFINED:2147483905'), 'Signing').message).toMatch(/0x80000101/u);
  });
});
