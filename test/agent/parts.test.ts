import { describe, expect, it, test } from 'vitest';
import { createBackOff } from '../../src/agent/timing/back-off.js';
import { decideFollow, type HeldRequest } from '../../src/agent/follow/decide-follow.js';
import { createRationedLog, createTroubleLog, logTo } from '../../src/agent/log.js';
import { parseWatcherLine, type PublishedCertificate, type DirectoryReport } from '../../src/agent/follow/watcher-line.js';
import { encode } from '../../src/service/wire.js';

const key = 'a'.repeat(64);
const published = (change: Partial<PublishedCertificate> = {}): PublishedCertificate => ({
  nickname: 'ocsp',
  key,
  certificate: 'c'.repeat(64),
  notAfter: new Date('2028-01-01'),
  missed: false,
  ...change,
});
const held = (status: string, notAfter = '2027-01-01'): HeldRequest => ({
  status,
  held: { key, certificate: 'c'.repeat(64), notAfter: new Date(notAfter) },
});

describe('what certmonger is asked to do', () => {
  it.each([
    ['a request that waits for the CA is refreshed', held('CA_WORKING'), [published()], false, 'refresh'],
    ['so is one whose CA could not be reached', held('CA_UNREACHABLE'), [published()], false, 'refresh'],
    ['one at rest is resubmitted', held('MONITORING'), [published()], false, 'resubmit'],
    ['so is one the helper refused', held('CA_REJECTED'), [published()], false, 'resubmit'],
    ['one that is being saved is looked at again later', held('NEED_CERTSAVE_TOKEN'), [published()], false, 'later'],
    ['the same certificate is no news', held('MONITORING', '2028-01-01'), [published()], false, 'none'],
    [
      'unless certmonger read it off the token and it was never saved here',
      held('MONITORING', '2028-01-01'),
      [published({ missed: true })],
      false,
      'resubmit',
    ],
    [
      'which goes for the one it holds, not for one that ends with it',
      held('MONITORING', '2028-01-01'),
      [published({ missed: true, certificate: 'd'.repeat(64) })],
      false,
      'none',
    ],
    ['an older one is none', held('MONITORING', '2029-01-01'), [published()], false, 'none'],
    ['one for another key is none: this server would re-key', held('MONITORING'), [published({ key: 'b'.repeat(64) })], false, 'none'],
    ['of two keys the one that is held counts', held('MONITORING'), [published({ key: 'b'.repeat(64) }), published()], false, 'resubmit'],
    ['so is one certmonger is at a loss with', held('NEED_GUIDANCE'), [published()], false, 'resubmit'],
    ['who takes nothing is asked nothing', held('MONITORING'), [published()], true, 'none'],
    ['nothing published, nothing to do', held('CA_WORKING'), [], false, 'none'],
    ['a request without a certificate certmonger can read would get a new key', { status: 'MONITORING' }, [published()], false, 'none'],
  ] as const)('%s', (_case, request, offers, takesNothing, move) => {
    expect(decideFollow(request, offers, takesNothing).move).toBe(move);
  });
});

test('waiting doubles up to its limit, never in step with others, and begins anew after a success', () => {
  const even = createBackOff({ firstMs: 1000, mostMs: 5000, random: () => 0 });
  expect([even.next(), even.next(), even.next(), even.next(), even.next()]).toEqual([1000, 2000, 4000, 5000, 5000]);
  even.reset();
  expect(even.next()).toBe(1000);
  expect(createBackOff({ firstMs: 1000, mostMs: 5000, random: () => 1 }).next()).toBe(800);
});

test('trouble is told once while it lasts, again when it is another, and when it is over', () => {
  const lines: string[] = [];
  const trouble = createTroubleLog((priority, message) => lines.push(`${priority} ${message}`));
  trouble.over('well');
  trouble.trouble('a');
  trouble.trouble('a');
  trouble.trouble('b');
  trouble.over('well');
  trouble.over('well');
  trouble.trouble('b');
  expect(lines).toEqual(['warning a', 'warning b', 'info well', 'warning b']);
});

test('what a watcher says is one line each, and so many a minute', () => {
  const lines: string[] = [];
  let now = 0;
  const log = createRationedLog(
    (priority, message) => lines.push(`${priority} ${message}`),
    () => now,
  );
  log('info', 'a\n<0>b');
  for (let count = 0; count < 1000; count += 1) log('info', 'x'.repeat(100_000));
  expect(lines).toEqual([
    'info a <0>b',
    ...Array.from({ length: 9 }, () => `info ${'x'.repeat(2000)}`),
    'warning more was said within a minute than is written down.',
  ]);
  now = 60_000;
  log('error', 'later');
  expect(lines.at(-1)).toBe('error later');
});

test('the journal gets priorities, a terminal does not', () => {
  const lines: string[] = [];
  logTo((text) => lines.push(text), { JOURNAL_STREAM: '8:1' })('error', 'x');
  logTo((text) => lines.push(text), {})('error', 'x');
  expect(lines).toEqual(['<3>x\n', 'hsmonger: x\n']);
});

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
