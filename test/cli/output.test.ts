import { expect, test } from 'vitest';
import { columns, harmless, json } from '../../src/cli/output.js';

test('columns are as wide as their widest cell, wide characters count twice, and no line ends in blanks', () => {
  const text = columns(
    ['NAME', 'X'],
    [
      [{ text: 'ab' }, { text: '' }],
      [{ text: '証明' }, { text: 'y' }],
      [{ text: 'e\u0301' }, { text: 'z' }],
    ],
    false,
  );
  expect(text).toBe('NAME  X\nab\n証明  y\ne\u0301     z\n');
});

test('colour shows only where it is asked for', () => {
  const rows = [[{ text: 'bad', style: 'red' as const }]];
  expect(columns(['A'], rows, false)).toBe('A\nbad\n');
  expect(columns(['A'], rows, true)).toContain('\u001b[31mbad\u001b[39m');
});

test('text from outside cannot drive a terminal or turn a line around', () => {
  expect(harmless('a\u001b[2Jb\r\n\u009bc\u202ed\u0000')).toBe('a\\u{1b}[2Jb\\u{d}\\u{a}\\u{9b}c\\u{202e}d\\u{0}');
  expect(harmless('Größe, 証明書 🔑')).toBe('Größe, 証明書 🔑');
});

test('JSON is harmless too, and reads back as what it was', () => {
  const value = { nickname: 'x\u009b2J\u2028\u001b' };
  const text = json(value);
  expect(text).not.toMatch(/[\u0080-\u009f\u2028\u001b]/u);
  expect(JSON.parse(text)).toEqual(value);
});
