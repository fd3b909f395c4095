import { expect, test } from 'vitest';
import { createRationedLog, createTroubleLog, logTo } from '../../src/agent/log.js';

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
