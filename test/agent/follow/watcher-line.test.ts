import { describe, expect, it } from 'vitest';
import { parseWatcherLine, type DirectoryReport } from '../../../src/agent/follow/watcher-line.js';
import { encode } from '../../../src/service/wire.js';
import { published } from './published.js';

describe('what the watcher says is checked, for it has read what is not trusted', () => {
  const report: DirectoryReport = {
    kind: 'report',
    why: 'push',
    renewalMaster: false,
    published: [published()],
    unfinished: 1,
    alarm: 'x',
  };
  it('a report arrives as it was sent', () => {
    expect(parseWatcherLine(encode(report))).toEqual(report);
    expect(parseWatcherLine(encode({ kind: 'end', code: 'DIRECTORY_UNAVAILABLE', message: 'm' }))).toEqual({
      kind: 'end',
      code: 'DIRECTORY_UNAVAILABLE',
      message: 'm',
    });
  });
  it.each([
    ['no JSON', 'x'],
    ['another word', encode({ ...report, kind: 'order' })],
    ['a digest that is none', encode({ ...report, published: [published({ key: '../../etc' })] })],
    ['a date that is none', encode({ ...report, published: [{ ...published(), notAfter: 'tomorrow' }] })],
  ])('%s is refused', (_case, text) => {
    expect(() => parseWatcherLine(text)).toThrow();
  });
});
