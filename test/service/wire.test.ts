import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProgress, parseReply, progressLine } from '../../src/service/order.js';
import { decode, encode } from '../../src/service/wire.js';

describe('what goes between root and the process that has dropped', () => {
  it('comes through whole: bytes, dates, nested as they are', () => {
    const leaf = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array(),
      fc.date({ noInvalidDate: true }),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('tree')),
        fc.dictionary(
          fc.string().filter((key) => !key.startsWith('$') && key !== '__proto__'),
          tie('tree'),
          { noNullPrototype: true },
        ),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        expect(decode(encode(value))).toEqual(value);
      }),
    );
  });

  it('reads a Buffer as plain bytes', () => {
    expect(decode(encode({ der: Buffer.from('ab') }))).toEqual({ der: new Uint8Array([97, 98]) });
  });
});

describe('a reply', () => {
  it.each([
    '',
    '{}',
    '[]',
    '{"ok":2}',
    '{"ok":false,"code":"NO_SUCH_CODE","message":"x"}',
    '{"ok":false,"code":"toString","message":"x"}',
    '{"ok":false,"code":"INTERNAL"}',
    'vendor: hello\n{"ok":true}',
  ])('of another form is not taken: %j', (text) => {
    expect(() => parseReply(text)).toThrow();
  });

  it('without a value is one all the same', () => {
    expect(parseReply(encode({ ok: true, value: undefined }))).toEqual({ ok: true, value: undefined });
  });
});

describe('a line of progress', () => {
  it('is read back, and nothing else is one', () => {
    expect(parseProgress(progressLine({ done: 3, total: 7 }))).toEqual({ done: 3, total: 7 });
    for (const line of [
      '',
      '{"ok":true}',
      '{"progress":{"done":-1,"total":7}}',
      '{"progress":{"done":1,"total":7},"ok":true}',
      encode({ ok: true, value: 'x'.repeat(300) }),
    ])
      expect(parseProgress(line)).toBeUndefined();
  });
});
