import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { HsmongerError, asHsmongerError, cliExit, helperReaction, reactions, type ErrorCode } from '../src/errors.js';

const page = readFileSync(path.resolve(import.meta.dirname, '../docs/errors.md'), 'utf8');
const rows = new Map(
  [...page.matchAll(/^\| ([A-Z_]+) \| ([^|]+) \| (\d) \| (.+) \|$/gmu)].map(([, code, helper, cli]) => [
    code,
    { helper, cli: Number(cli) },
  ]),
);

describe('every error code', () => {
  it.each(Object.keys(reactions) as ErrorCode[])('%s stands in docs/errors.md with what it really does', (code) => {
    const reaction = helperReaction(code);
    expect(rows.get(code)).toEqual({
      helper: typeof reaction === 'string' ? reaction : `again in ${String(reaction.retryAfterSeconds)} s`,
      cli: cliExit(code),
    });
  });

  it('is documented only if it exists', () => {
    expect([...rows.keys()].filter((code) => !Object.hasOwn(reactions, code ?? ''))).toEqual([]);
  });
});

it.each<ErrorCode>(['PIN_SOURCE_INVALID', 'PIN_SOURCE_MISSING'])(
  '%s, as while somebody writes the PIN file, does not wait for an administrator',
  (code) => {
    expect(helperReaction(code)).toEqual({ retryAfterSeconds: 60 });
  },
);

describe('a failure that is not ours', () => {
  it('becomes INTERNAL and keeps its cause', () => {
    const cause = new TypeError('x is not\na function');
    expect(asHsmongerError(cause)).toMatchObject({
      code: 'INTERNAL',
      cause,
      message: expect.stringContaining('x is not a function') as string,
    });
  });
  it('ours stays as it is', () => {
    const error = new HsmongerError('PIN_LOCKED', 'x');
    expect(asHsmongerError(error)).toBe(error);
    // Another bundle's, whose class is another.
    const foreign = Object.assign(new Error('away'), { name: 'HsmongerError', code: 'TOKEN_NOT_FOUND' });
    expect(asHsmongerError(foreign)).toMatchObject({ code: 'TOKEN_NOT_FOUND', message: 'away', cause: foreign });
    expect(asHsmongerError(Object.assign(new Error('x'), { name: 'HsmongerError', code: 'toString' })).code).toBe('INTERNAL');
  });
});
