import { expect, test } from 'vitest';
import { requestId, requestIds } from '../../src/config/request-id.js';

const instance = (...nicknames: string[]) => ({
  name: 'ca',
  file: '/x.toml',
  certificates: nicknames.map((nickname) => ({ nickname, profile: 'p' })),
});

test('an id holds nothing that a command line would have to quote', () => {
  expect(requestId({ name: 'ca' }, 'ocspSigningCert cert-pki-ca')).toBe('ca.ocspSigningCert_cert-pki-ca');
  expect(requestId({ name: 'ca' }, "a'\\\u00e9\u{1f512}/:\n")).toMatch(/^ca\.a_+$/u);
});

test('two nicknames that make one id, in whatever case, are refused', () => {
  expect([...requestIds(instance('a', 'b'))]).toEqual([
    ['a', 'ca.a'],
    ['b', 'ca.b'],
  ]);
  for (const [one, other] of [
    ['a b', 'a_b'],
    ['A', 'a'],
  ] as const) {
    expect(() => requestIds(instance(one, other))).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(`'${one}' and '${other}'`) as string }) as Error,
    );
  }
});
