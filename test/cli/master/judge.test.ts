import { describe, expect, it } from 'vitest';
import { judgeNewMaster } from '../../../src/cli/master/judge.js';
import type { SeenServer } from '../../../src/renewal/look-at-servers.js';

const server = (host: string, change: Partial<SeenServer> = {}): SeenServer => ({
  host,
  ca: true,
  kra: false,
  renewalMaster: false,
  here: false,
  reachable: true,
  ...change,
});
const master = server('ca1', { renewalMaster: true });
const here: SeenServer = { host: 'ca2', ca: true, kra: false, renewalMaster: false, here: true };

describe('a server that cannot renew for all is refused', () => {
  it.each([
    ['unknown', [master, here], 'ca9', 'USAGE', /'ca9' is not a server with a CA.*'ca1', 'ca2'/u],
    ['without a CA', [master, server('web', { ca: false })], 'web', 'USAGE', /'web' is not a server with a CA/u],
    [
      'without a KRA where another has one',
      [server('ca1', { kra: true, renewalMaster: true }), here],
      'ca2',
      'PREFLIGHT_FAILED',
      /'ca2' has no KRA, and 'ca1' has.*--without-kra/u,
    ],
    ['of a directory that knows none', [], 'ca2', 'USAGE', /the directory names none/u],
  ])('%s', (_case, servers, wanted, code, message) => {
    expect(() => judgeNewMaster(servers, wanted, false)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error,
    );
  });
});

describe('what is told before', () => {
  it.each([
    ['all well: nothing', [master, here], 'ca2', false, []],
    ['it is the master already', [master, here], 'CA1', true, []],
    [
      'the one before does not answer',
      [{ ...master, reachable: false }, here],
      'ca2',
      false,
      [/^'ca1', renewal master until now, does not answer\./u],
    ],
    [
      'the new one does not',
      [{ ...here, renewalMaster: true }, server('ca3', { reachable: false })],
      'ca3',
      false,
      [/^'ca3' does not answer/u],
    ],
    ['two masters: the other one goes, so it is not done already', [master, { ...here, renewalMaster: true }], 'ca2', false, []],
    ['no master: nothing stands in the way', [server('ca1'), here], 'ca2', false, []],
  ])('%s', (_case, servers, wanted, already, concerns) => {
    const judged = judgeNewMaster(servers, wanted, false);
    expect(judged.already).toBe(already);
    expect(judged.concerns).toEqual(concerns.map((concern) => expect.stringMatching(concern) as string));
  });
  it('no KRA is taken where that was said', () => {
    expect(judgeNewMaster([server('ca1', { kra: true }), here], 'ca2', true)).toMatchObject({ host: 'ca2', already: false });
  });
});
